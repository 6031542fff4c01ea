"""Fixtures of the ssh room: real sshd processes on loopback, and a private runtime folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from towline.folders import runtime_folder
from towline.ssh import Connection

from .loopback import SSHD, Loopback, Server, ssh_processes, wait_until
from .trees import make_tree

Connect = Callable[..., Connection]
Serve = Callable[..., tuple[Connection, Server]]


def need_sshd() -> None:
    if SSHD is None or shutil.which("ssh") is None:
        pytest.skip("NO SSHD, tests on real sshd are left out: apt install openssh-server")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd of root insists on it


@pytest.fixture(scope="module", autouse=True)
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the module's tests a Towline home of their own; afterwards no ssh may be left."""
    short = tempfile.mkdtemp(prefix="tl-", dir="/tmp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOWLINE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("TOWLINE_RUNTIME_DIR", short)
        yield runtime_folder()
    try:
        wait_until(lambda: not ssh_processes(short), f"every ssh to end: {ssh_processes(short)}")
    finally:
        shutil.rmtree(short, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    need_sshd()
    servers = Loopback(tmp_path_factory.mktemp("sshd"))
    servers.serve("plain")
    yield servers
    servers.stop()


@pytest.fixture
def loopback(tmp_path: Path) -> Iterator[Loopback]:
    """Lend an empty set of servers to the test; they stop after it."""
    need_sshd()
    servers = Loopback(tmp_path / "sshd")
    yield servers
    servers.stop()


@pytest.fixture
def events() -> list[tuple[str, dict[str, Any]]]:
    """Collect what connections report."""
    return []


@pytest.fixture
def connect(runtime: Path, events: list[tuple[str, dict[str, Any]]]) -> Iterator[Connect]:
    """Return a maker of connections, which are closed after the test."""
    made: list[Connection] = []

    def make(servers: Loopback, name: str, **fields: Any) -> Connection:
        destination = servers.destination(name, **fields)
        made.append(Connection(destination, report=lambda e, **facts: events.append((e, facts))))
        return made[-1]

    yield make
    for connection in made:
        connection.close()


@pytest.fixture(scope="module")
def plain(shared_loopback: Loopback, runtime: Path) -> Iterator[Connection]:
    """Return a connection to an ordinary server, one for the whole module."""
    connection = Connection(shared_loopback.destination("plain"))
    yield connection
    connection.close()


@pytest.fixture
def home(shared_loopback: Loopback) -> Path:
    """Return the remote home of :func:`plain`."""
    return shared_loopback.servers["plain"].home


@pytest.fixture
def serve(loopback: Loopback, connect: Connect) -> Serve:
    """Return a maker of a server with its connection."""

    def make(name: str, *lines: str, **options: Any) -> tuple[Connection, Server]:
        server = loopback.serve(name, *lines, **options)
        return connect(loopback, name), server

    return make


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a folder with everything that gets lost easily."""
    return make_tree(tmp_path / "tree")


@pytest.fixture
def there(home: Path, tmp_path: Path) -> Path:
    """Return the path of a remote folder of this test's own; it is not made yet."""
    return home / tmp_path.name
