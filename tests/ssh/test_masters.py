"""The process that holds the connection: killed, frozen, left behind, done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from towline.errors import (
    HostUnreachable,
    LoginNeeded,
)
from towline.ssh import Connection, master
from towline.ssh.locking import exclusive

from .conftest import Connect
from .loopback import Loopback, ssh_processes, wait_until


def test_socket_of_a_killed_master_is_no_obstacle(loopback: Loopback, connect: Connect) -> None:
    """Ssh itself would go on without sharing the connection, and never end."""
    loopback.serve("plain")
    connection = connect(loopback, "plain")
    connection.open()
    pid = connection._master.pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not connection.is_open(), "the master to be gone")
    connection.open()
    assert len(ssh_processes("-M -N -f -S " + str(connection._master.socket))) == 1


def test_master_left_without_a_socket_is_ended_when_the_next_is_closed(
    loopback: Loopback, connect: Connect
) -> None:
    loopback.serve("plain")
    connection = connect(loopback, "plain")
    connection.open()
    connection._master.socket.unlink()  # as a cleaner of temporary folders does
    connection.open()
    assert connection.run("echo fine").stdout == "fine\n"
    connection.close()
    path = str(connection._master.socket)
    wait_until(lambda: not ssh_processes(path), "both masters to end")


def test_frozen_master_is_replaced(
    loopback: Loopback, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback.serve("plain")
    monkeypatch.setattr(master, "GLANCE_SECONDS", 0.3)
    monkeypatch.setattr(master, "FROZEN_SECONDS", 0.5)
    connection = connect(loopback, "plain")
    connection.open()
    frozen = connection._master.pid()
    assert frozen
    os.kill(frozen, signal.SIGSTOP)
    assert connection.run("echo fine").stdout == "fine\n"
    assert connection._master.pid() != frozen


def test_killed_opener_leaves_no_lock(loopback: Loopback, connect: Connect, runtime: Path) -> None:
    loopback.serve("plain")
    connection = connect(loopback, "plain")
    holder = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import sys, time\nfrom pathlib import Path\n"
            "from towline.ssh.locking import exclusive\n"
            "with exclusive(Path(sys.argv[1]), 'opening', 5):\n"
            "    print('held', flush=True)\n    time.sleep(60)",
            str(connection._master._lock),
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(HostUnreachable, match=r"still busy with the connection \(opening\)"):
        connection.open(timeout=0.2)
    holder.kill()
    holder.communicate()
    connection.open()
    assert connection.is_open()


def test_open_during_a_log_in_on_another_terminal_says_so(
    loopback: Loopback, connect: Connect
) -> None:
    loopback.serve("plain")
    connection = connect(loopback, "plain")
    with (
        exclusive(connection._master._lock, "log-in", 5),
        pytest.raises(LoginNeeded, match="logging in on another terminal"),
    ):
        connection.open(timeout=0.1)


def test_connection_ends_by_itself_after_its_last_use(loopback: Loopback, connect: Connect) -> None:
    loopback.serve("plain")
    connection = connect(loopback, "plain", persist_seconds=1)
    connection.run("true")
    key = connection.destination.key
    wait_until(lambda: not ssh_processes(key), "the unused master to end")
    assert not connection.is_open()


def test_second_ssh_that_found_the_socket_taken_does_not_stay(
    loopback: Loopback, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill -9 of the process that opened, while its ssh was still on its way."""
    loopback.serve("plain")
    connection = connect(loopback, "plain")
    connection.open()
    first = connection._master.pid()
    with monkeypatch.context() as patch:
        patch.setattr(connection._master, "pid", lambda: None)
        patch.setattr(connection._master, "_alive_or_cleared", lambda: False)
        patch.setattr(connection._master, "_attempt", _once(connection))
        connection.open()
    assert connection._master.pid() == first
    assert list(ssh_processes("-M -N -f -S " + str(connection._master.socket))) == [first]


def _once(connection: Connection) -> Any:
    """Return an attempt after which the master is seen again."""
    attempt = connection._master._attempt

    def attempted(*arguments: Any) -> float:
        pause = attempt(*arguments)
        connection._master.pid = lambda: 1  # type: ignore[method-assign]
        return pause

    return attempted
