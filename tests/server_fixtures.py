"""A server in a folder of its own, and clients of every role; for the tests of all rooms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import httpx2
    from fastapi import FastAPI

    from towline.server.services import Services

BASE_URL = "http://localhost:8695"


@dataclass
class ServerInTest:
    """An application whose lifespan runs; no socket is opened."""

    app: FastAPI
    services: Services
    home: Path
    stack: AsyncExitStack
    keys: dict[str, str] = field(default_factory=dict)

    async def add_user(self, name: str, role: str) -> None:
        """Make an account."""
        from towline.store import User, utc_now

        row = User(name=name, role=role, disabled=False, created=utc_now())
        await self.services.access.directory.save(row)

    async def key_for(self, name: str, *, scopes: list[str] | None = None, **more: Any) -> str:
        """Return a new key of a user; of all scopes when none are named."""
        from towline.server.access.actions import Scope
        from towline.server.access.keys import make_key
        from towline.store import Key, utc_now

        new = make_key()
        row = Key(
            id=new.id,
            user=name,
            name="test",
            digest=new.digest,
            scopes=scopes if scopes is not None else [scope.value for scope in Scope],
            created=utc_now(),
            **more,
        )
        await self.services.access.directory.save(row)
        return new.text

    async def client(self, key: str | None = None, **headers: str) -> httpx2.AsyncClient:
        """Return a client, with a key or with none; closed with the server."""
        import httpx2

        if key:
            headers["Authorization"] = f"Bearer {key}"
        transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
        client = httpx2.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers)
        return await self.stack.enter_async_context(client)


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests (``pytestmark = pytest.mark.anyio``) on asyncio."""
    return "asyncio"


@pytest.fixture
def towline_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep all of Towline's files in the test's own folder."""
    home = tmp_path / "home"
    monkeypatch.setenv("TOWLINE_HOME", str(home))
    yield home


@pytest.fixture
async def server(anyio_backend: str, towline_home: Path) -> AsyncIterator[ServerInTest]:
    """Run a server with the users ann (admin), uma and otto (users) and vic (viewer)."""
    from towline.server.app import create_app
    from towline.server.settings import Settings

    app = create_app(Settings())
    async with AsyncExitStack() as stack:
        started = asyncio.Event()
        ended = asyncio.Event()

        async def live() -> None:  # a task of its own: task groups in parts belong to one task
            async with app.router.lifespan_context(app):
                started.set()
                await ended.wait()

        living = asyncio.create_task(live())
        waiting = asyncio.create_task(started.wait())
        await asyncio.wait({living, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if living.done():
            waiting.cancel()
            living.result()
        in_test = ServerInTest(app, app.state.services, towline_home, stack)
        for name, role in PEOPLE.items():
            await in_test.add_user(name, role)
            in_test.keys[name] = await in_test.key_for(name)
        try:
            yield in_test
        finally:
            await stack.aclose()
            ended.set()
            await living


PEOPLE = {"ann": "admin", "uma": "user", "otto": "user", "vic": "viewer"}


@pytest.fixture
async def admin(server: ServerInTest) -> httpx2.AsyncClient:
    """Return a client of ann, an administrator."""
    return await server.client(server.keys["ann"])


@pytest.fixture
async def user(server: ServerInTest) -> httpx2.AsyncClient:
    """Return a client of uma, a user."""
    return await server.client(server.keys["uma"])


@pytest.fixture
async def other_user(server: ServerInTest) -> httpx2.AsyncClient:
    """Return a client of otto, another user."""
    return await server.client(server.keys["otto"])


@pytest.fixture
async def viewer(server: ServerInTest) -> httpx2.AsyncClient:
    """Return a client of vic, a viewer."""
    return await server.client(server.keys["vic"])


@pytest.fixture
async def nobody(server: ServerInTest) -> httpx2.AsyncClient:
    """Return a client without a key."""
    return await server.client()
