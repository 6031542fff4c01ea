"""A real server on a port of its own, a real Chromium, pages that fail a test on any error."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from . import scene

CHROMIUM = Path("/usr/bin/chromium")
DEADLINE = 20.0
"""Seconds; reached only when something is broken."""


@dataclass
class LiveServer:
    """A server in a thread of this process."""

    url: str
    app: Any
    loop: asyncio.AbstractEventLoop

    @property
    def services(self) -> Any:
        """Return what its routes work with."""
        return self.app.state.services

    def do(self, work: Callable[[], Any]) -> Any:
        """Call something on the server's loop; wait for it."""

        async def call() -> Any:
            return work()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(DEADLINE)

    def dress(self) -> None:
        """Put on the clusters what was seen of them."""
        self.do(lambda: scene.dress_clusters(self.services))

    def link(self) -> str:
        """Return a link that signs a browser in, once."""
        token = self.do(lambda: self.services.access.logins.make_link(scene.USER))
        return f"{self.url}/login?token={token}"


@contextmanager
def running(folder: Path, port: int = 0) -> Iterator[LiveServer]:
    """Run a server until the body ends."""
    import uvicorn

    from towline.server.app import create_app
    from towline.server.control.clusters import ClusterReconciler
    from towline.server.settings import Settings

    visits = ClusterReconciler._visit_once
    ClusterReconciler._visit_once = scene.nobody_visits  # type: ignore[method-assign]
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    port = listening.getsockname()[1]
    app = create_app(Settings(folder=folder, port=port))
    config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    began, loops = threading.Event(), []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        began.set()
        await server.serve(sockets=[listening])

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert began.wait(DEADLINE)
    ready = threading.Event()
    while not server.started and thread.is_alive():
        ready.wait(0.01)
    assert server.started
    try:
        yield LiveServer(f"http://localhost:{port}", app, loops[0])
    finally:
        server.should_exit = True
        thread.join(DEADLINE)
        ClusterReconciler._visit_once = visits  # type: ignore[method-assign]
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give these tests a Towline home of their own."""
    folder = tmp_path_factory.mktemp("browser")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOWLINE_HOME", str(folder / "home"))
        patch.delenv("TOWLINE_RUN", raising=False)
        yield folder


@pytest.fixture(scope="session")
def server(home: Path) -> Iterator[LiveServer]:
    """Run a server with clusters, workflows and runs."""
    scene.define_clusters()
    scene.install(home / "sources")
    scene.make_runs()
    with running(home / "server") as live:
        live.dress()
        yield live


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """Return a Chromium, the distribution's own.

    For this folder's tests only: as long as it is there, no other event loop runs in this thread.
    """
    api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    if not CHROMIUM.exists():
        pytest.skip("NO BROWSER TESTS: Chromium is missing: apt-get install chromium")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@dataclass
class Watched:
    """What went wrong in a page."""

    errors: list[str]

    def expect(self, part: str) -> None:
        """Forget errors that a test has provoked."""
        assert any(part in error for error in self.errors), self.errors
        self.errors[:] = [error for error in self.errors if part not in error]


@pytest.fixture
def watched() -> Iterator[Watched]:
    """Fail the test on console errors, exceptions and reports of the content policy."""
    found = Watched([])
    yield found
    assert found.errors == []


@pytest.fixture
def new_page(chromium: Any, watched: Watched) -> Iterator[Callable[..., Any]]:
    """Return what opens a page in a browser profile of its own."""
    contexts = []

    def open_page(**options: Any) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        context.set_default_timeout(DEADLINE * 1000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: watched.errors.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
        page.add_init_script(
            "document.addEventListener('securitypolicyviolation',"
            " (e) => console.error('CSP ' + e.violatedDirective + ' ' + e.blockedURI));"
        )
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page: Callable[..., Any], server: LiveServer) -> Any:
    """Return a page that is signed in."""
    opened = new_page()
    opened.goto(server.link())
    return opened
