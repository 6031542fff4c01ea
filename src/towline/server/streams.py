"""Server-sent events: named, numbered, with a heartbeat, and ended when the client leaves."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

from fastapi.sse import format_sse_event
from starlette.requests import Request
from starlette.responses import StreamingResponse

HEARTBEAT_SECONDS = 15.0
"""A comment is sent so often: what lies between closes connections that are silent for longer."""

_EVENT: dict[str, Any] = {
    "type": "object",
    "description": "One event of the stream.",
    "properties": {
        "event": {"type": "string", "description": "Its name."},
        "data": {"type": "string", "description": "JSON."},
        "id": {"type": "string", "description": "For Last-Event-ID."},
    },
}

STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events; go on with the header Last-Event-ID.",
        "content": {"text/event-stream": {"schema": _EVENT}},
    }
}
"""What a route of events declares, with ``response_model=None, response_class=EventStream``."""


class EventStream(StreamingResponse):
    """An answer that goes on for as long as the client listens."""

    media_type = "text/event-stream"


def event(name: str, data: Any, event_id: str | int | None = None) -> bytes:
    """Return one event as it is sent.

    Args:
        name: what kind of event.
        data: what JSON knows.
        event_id: where a client goes on from when it comes back.

    """
    return format_sse_event(
        data_str=json.dumps(data, separators=(",", ":"), ensure_ascii=False),
        event=name,
        id=None if event_id is None else str(event_id),
    )


def last_event_id(request: Request) -> str | None:
    """Return where this client was when its stream broke; None: it begins."""
    return request.headers.get("last-event-id") or None


def sse(
    request: Request, events: AsyncGenerator[bytes, None], headers: Mapping[str, str] | None = None
) -> EventStream:
    """Return an answer that sends these events.

    Check rights before this is called: once it has begun, a stream can only end.
    The stream ends too when the caller's key is revoked or their rights change: before the next
    event, or at the next heartbeat.

    Args:
        request: what is answered.
        events: what `event` makes; closed when the client has left.
        headers: more headers.

    """
    return EventStream(
        _with_heartbeat(request, events),
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no", **(headers or {})},
    )


async def _with_heartbeat(
    request: Request, events: AsyncGenerator[bytes, None]
) -> AsyncIterator[bytes]:
    access = request.app.state.services.access
    step: asyncio.Future[bytes] | None = None
    yield b": begins\n\n"  # what proxies buffer goes out, and the client knows that it is connected
    try:
        while True:
            if step is None:
                step = asyncio.ensure_future(_next(events))
            done, _ = await asyncio.wait({step}, timeout=HEARTBEAT_SECONDS)
            if not done:
                if not await access.still_valid(request):
                    return
                yield b": here\n\n"
                continue
            try:
                data = step.result()
            except StopAsyncIteration:
                return
            finally:
                step = None
            if not await access.still_valid(request):  # looked up in memory
                return
            yield data
    finally:
        if step is not None:
            step.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await step
        await events.aclose()


async def _next(events: AsyncGenerator[bytes, None]) -> bytes:
    return await events.__anext__()
