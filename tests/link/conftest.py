"""Fixtures of the link's tests: a controller without ssh, servers, and a check for leftovers."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from towline.link import Link

from .conversation import Events
from .local_controller import LocalController, eventually


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[LocalController]:
    """Give a controller that is this machine; whatever the test leaves running there is ended."""
    home = tmp_path / "home"
    home.mkdir()
    yield LocalController(home)
    for process in processes_below(home):
        process.send_signal(signal.SIGKILL)
    eventually(lambda: not processes_below(home), "what the test started is gone")


def processes_below(home: Path) -> list[psutil.Process]:
    """Return the live processes whose command line names the home folder of a test."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = " ".join(process.info["cmdline"] or [])
        if str(home) in words and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


class EchoServer:
    """An interchange's stand-in on 127.0.0.1: sends back what it gets, ends when the peer ends."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._server.getsockname()[1]
        self.accepted: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection = self._server.accept()[0]
            except OSError:
                return
            self.accepted.append(connection)
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    @staticmethod
    def _echo(connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(1 << 16):
                    connection.sendall(data)
            except OSError:
                pass

    def close(self) -> None:
        """Stop accepting, and end every connection."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for connection in self.accepted:
            connection.close()


@pytest.fixture
def echo() -> Iterator[EchoServer]:
    """Give a server that sends back what it gets."""
    server = EchoServer()
    yield server
    server.close()


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """Give a listening socket on 127.0.0.1 whose connections the test accepts, or does not."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        server.settimeout(20)
        yield server


@pytest.fixture
def events() -> Events:
    """Give what keeps a link's events."""
    return Events()


@pytest.fixture
def link(controller: LocalController, events: Events) -> Iterator[Link]:
    """Give a link that is up; it is closed afterwards."""
    link = Link(controller, "r1", on_event=events)
    link.start()
    yield link
    link.close()
