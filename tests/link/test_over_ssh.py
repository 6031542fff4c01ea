"""The link over real ssh: the user's client, a real sshd, one shared connection."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from ssh.conftest import need_sshd
from ssh.loopback import Loopback, Server
from ssh.relay import Relay

from towline.link import Link, LinkState
from towline.ssh import Connection

from .conftest import processes_below
from .conversation import QUICK, Events, cut, dial, exchange
from .local_controller import eventually

DATA = Random(7).randbytes(3_000_000)  # noqa: S311 - no secret


@pytest.fixture
def loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """Lend real sshd processes; the shared connections lie in a runtime folder of their own."""
    need_sshd()
    short = tempfile.mkdtemp(prefix="tl-", dir="/tmp")
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "towline"))
    monkeypatch.setenv("TOWLINE_RUNTIME_DIR", short)
    servers = Loopback(tmp_path / "sshd")
    yield servers
    servers.stop()
    shutil.rmtree(short)


@pytest.fixture
def server(loopback: Loopback) -> Server:
    """Lend an sshd that forbids forwarding of every kind, as strict sites do."""
    return loopback.serve("login", "DisableForwarding yes", "AllowTcpForwarding no")


@pytest.fixture
def connection(loopback: Loopback, server: Server) -> Iterator[Connection]:
    """Lend a shared connection to that sshd."""
    connection = Connection(loopback.destination("login", connections_per_minute=600))
    yield connection
    connection.close()


def test_bytes_go_over_ssh_where_forwarding_is_forbidden_and_nothing_remains(
    connection, server, echo
):
    link = Link(connection, "r1")
    link.start()
    assert exchange(link.listen("x", echo.port, "127.0.0.1"), DATA) == DATA
    assert link.close() is True
    assert processes_below(server.home) == []
    assert list((server.home / ".towline" / "runs").iterdir()) == []


def test_start_up_files_that_print_do_no_harm(connection, server, echo):
    (server.home / ".bashrc").write_text("echo welcome to login1; printf 'no newline'\n")
    link = Link(connection, "r1")
    link.start()
    assert exchange(link.listen("x", echo.port, "127.0.0.1"), DATA) == DATA
    assert link.close()


def test_a_killed_ssh_and_a_killed_shared_connection_cost_nothing(connection, server, echo):
    events = Events()
    link = Link(connection, "r1", on_event=events)
    link.start()
    port = link.listen("x", echo.port, "127.0.0.1")
    with dial(port) as manager, ThreadPoolExecutor(1) as pool:
        manager.settimeout(60)
        for number in range(4):
            sending = pool.submit(manager.sendall, DATA)
            received = manager.recv(1 << 16)
            if number % 2:
                cut(link)
            else:
                os.kill(_master_pid(connection), signal.SIGKILL)
            while len(received) < len(DATA):
                piece = manager.recv(1 << 18)
                assert piece
                received += piece
            sending.result(60)
            assert received == DATA
            eventually(lambda n=number: events.names.count("resumed") > n, "the link resumed")
    assert events.names.count("down") == 4
    assert link.close() is True


def test_a_network_that_goes_silent_and_comes_back_costs_nothing(loopback, server, echo):
    relay = Relay(server.port)
    config = loopback.extra_config
    config[config.index(f"  Port {server.port}")] = f"  Port {relay.port}"
    loopback.known_hosts.write_text(
        loopback.known_hosts.read_text().replace(str(server.port), str(relay.port))
    )
    loopback.write_config()
    connection = Connection(loopback.destination("login", connections_per_minute=600))
    events = Events()
    link = Link(connection, "r1", on_event=events, **QUICK)
    link.start()
    port = link.listen("x", echo.port, "127.0.0.1")
    with ThreadPoolExecutor(1) as pool:
        relay.freeze()
        answer = pool.submit(exchange, port, DATA)
        eventually(lambda: link.state is LinkState.DOWN, "the silence is noticed")
        assert not answer.done()
        relay.thaw()
        assert answer.result(90) == DATA
    assert "no sign of life" in str(events.first("down")["reason"])
    assert link.close() is True
    connection.close()
    relay.close()


def test_an_sshd_that_is_gone_for_a_while_is_waited_for(connection, server, echo):
    events = Events()
    link = Link(connection, "r1", on_event=events)
    link.start()
    port = link.listen("x", echo.port, "127.0.0.1")
    server.stop()
    os.kill(_master_pid(connection), signal.SIGKILL)
    eventually(lambda: "waiting" in events.names, "a try failed")
    server.start()
    assert link.wait_up(60)
    assert exchange(port, DATA) == DATA
    assert link.close() is True


def _master_pid(connection: Connection) -> int:
    connection.open()
    pid = connection._master.pid()
    assert pid is not None
    return pid
