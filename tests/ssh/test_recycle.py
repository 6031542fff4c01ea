"""A connection whose network is gone while its master still answers here."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from towline.errors import CommandTimedOut
from towline.ssh import Connection, reopen

from .conftest import Connect
from .loopback import Loopback, ssh_processes, wait_until
from .relay import Relay


@pytest.fixture
def relay(loopback: Loopback) -> Iterator[Relay]:
    """Put a relay in front of a server, whose host key counts for the relay's port."""
    server = loopback.serve("behind")
    passing = Relay(server.port)
    server.port = passing.port
    loopback.accept(server)
    yield passing
    passing.close()


@pytest.fixture
def connection(loopback: Loopback, relay: Relay, connect: Connect) -> Connection:
    """Return an open connection through the relay."""
    made = connect(loopback, "behind", port=relay.port)
    made.open()
    return made


def test_half_dead_connection_is_replaced_and_others_sessions_live_on(
    connection: Connection, relay: Relay
) -> None:
    others = subprocess.Popen(
        connection.argv("cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert others.stdin
    assert others.stdout
    others.stdin.write(b"1")
    assert others.stdout.read(1) == b"1"
    old = connection._master.pid()

    relay.freeze()
    with pytest.raises(CommandTimedOut):
        connection.run("echo lost", timeout=0.5)
    assert connection.is_open()  # the master itself notices nothing yet
    assert connection.recycle(probe_seconds=0.5)
    assert connection.run("echo new").stdout == "new\n"
    assert connection._master.pid() != old

    relay.thaw()
    others.stdin.write(b"2")
    assert others.stdout.read(1) == b"2"
    others.communicate()
    path = str(connection._master.socket)
    wait_until(lambda: len(ssh_processes(path)) == 1, "the retired master to end")


def test_next_command_replaces_it_by_itself(connection: Connection, relay: Relay) -> None:
    relay.freeze()
    with pytest.raises(CommandTimedOut):
        connection.run("echo lost", timeout=0.5)
    assert connection.run("echo found", timeout=4).stdout == "found\n"


def test_healthy_connection_with_a_slow_command_stays(connection: Connection) -> None:
    master = connection._master.pid()
    with pytest.raises(CommandTimedOut):
        connection.run("sleep 60", timeout=0.5)
    assert not connection.recycle()
    assert connection._master.pid() == master


def test_connection_that_somebody_else_has_replaced_is_left_alone(
    connection: Connection, loopback: Loopback, relay: Relay, connect: Connect
) -> None:
    relay.freeze()
    with pytest.raises(CommandTimedOut):
        connection.run("echo lost", timeout=0.5)
    other = connect(loopback, "behind", port=relay.port)
    assert other.recycle(probe_seconds=0.5)
    other.open()
    new = other._master.pid()
    assert not connection.recycle(probe_seconds=0.5)
    assert connection._master.pid() == new


def test_closed_connection_has_nothing_to_recycle(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.close()
    assert not connection.recycle()


def test_reopening_after_a_drop_does_not_trust_a_half_dead_master(
    connection: Connection, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reopen, "PROBE_SECONDS", 0.5)
    old = connection._master.pid()
    relay.freeze()
    assert reopen.main([connection.destination.to_json()]) == 0
    assert connection._master.pid() not in (None, old)
    assert connection.run("echo alive").stdout == "alive\n"
