"""Streams of events: their form, their heartbeat, their end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import pytest
from server_fixtures import ServerInTest
from starlette.requests import Request as StarletteRequest

from towline.server import streams
from towline.server.streams import event, sse
from towline.store import Grant, utc_now

pytestmark = pytest.mark.anyio


class Request:
    """Stands in for a request whose key may be revoked."""

    def __init__(self) -> None:
        self.valid = True
        self.app = SimpleNamespace(
            state=SimpleNamespace(services=SimpleNamespace(access=SimpleNamespace()))
        )
        self.app.state.services.access.still_valid = self._still_valid

    async def _still_valid(self, _request: Any) -> bool:
        return self.valid


async def collect(stream: Any, count: int) -> list[bytes]:
    found = []
    async for chunk in stream.body_iterator:
        found.append(chunk)
        if len(found) == count:
            break
    await stream.body_iterator.aclose()
    return found


def test_an_event_has_name_number_and_data() -> None:
    """On lines that no data can break."""
    assert event("log", {"text": "a\nb"}, 12) == b'event: log\ndata: {"text":"a\\nb"}\nid: 12\n\n'


async def test_a_silent_stream_has_a_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies between would close a connection that is silent for long."""
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.01)

    async def silent() -> AsyncGenerator[bytes, None]:
        await asyncio.Event().wait()
        yield b""

    stream = sse(Request(), silent())  # type: ignore[arg-type]
    assert await collect(stream, 3) == [b": begins\n\n", b": here\n\n", b": here\n\n"]


async def test_no_event_is_lost_to_a_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow event comes after some heartbeats, once."""
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.01)

    async def slow() -> AsyncGenerator[bytes, None]:
        for number in range(3):
            await asyncio.sleep(0.03)
            yield event("tick", number)

    got = [chunk async for chunk in sse(Request(), slow()).body_iterator]  # type: ignore[arg-type]
    ticks = [chunk for chunk in got if isinstance(chunk, bytes) and chunk.startswith(b"event")]
    assert ticks == [event("tick", number) for number in range(3)]


async def test_a_stream_ends_with_the_key_that_opened_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Revoking it is not only for new requests."""
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.01)
    request = Request()
    ended = asyncio.Event()

    async def silent() -> AsyncGenerator[bytes, None]:
        try:
            await asyncio.Event().wait()
            yield b""
        finally:
            ended.set()

    request.valid = False
    got = [chunk async for chunk in sse(request, silent()).body_iterator]  # type: ignore[arg-type]
    assert got == [b": begins\n\n"]
    assert ended.is_set()


async def test_a_client_that_leaves_ends_what_was_made_for_it() -> None:
    """Nothing goes on for nobody."""
    ended = asyncio.Event()

    async def ticking() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield event("tick", 1)
                await asyncio.sleep(0)
        finally:
            ended.set()

    await collect(sse(Request(), ticking()), 5)  # type: ignore[arg-type]
    assert ended.is_set()


async def test_a_busy_stream_ends_with_its_key_as_well() -> None:
    """One that is never silent long enough for a heartbeat: before its next event."""
    request = Request()

    async def busy() -> AsyncGenerator[bytes, None]:
        while True:
            await asyncio.sleep(0.001)
            request.valid = False
            yield event("tick", 1)

    stream = sse(request, busy())  # type: ignore[arg-type]

    async def read() -> list[Any]:
        return [chunk async for chunk in stream.body_iterator]

    got = await asyncio.wait_for(read(), 30)
    assert got == [b": begins\n\n"]


async def test_who_loses_a_right_loses_the_stream_that_it_opened(server: ServerInTest) -> None:
    """A grant that is taken back, a role that is lowered; the key itself stays valid."""
    access = server.services.access
    request = StarletteRequest(
        {
            "type": "http",
            "headers": [(b"authorization", f"Bearer {server.keys['otto']}".encode())],
        }
    )
    grant = Grant(
        kind="run", object="1", user="otto", right="read", created=utc_now(), created_by="uma"
    )
    grant = await access.directory.save(grant)
    request.scope["towline.caller"] = await access.caller(request)
    assert await access.still_valid(request)
    await access.directory.used({})
    assert await access.still_valid(request)
    await access.directory.forget([grant])
    assert not await access.still_valid(request)

    request.scope["towline.caller"] = await access.caller(request)
    otto = access.directory.users["otto"]
    await access.directory.change(otto, role="viewer")
    assert not await access.still_valid(request)
