"""The command that other processes use to make sure that the connection is up."""

from __future__ import annotations

import subprocess

from .conftest import Serve
from .loopback import Loopback


def test_exits_with_0_once_the_connection_is_up(serve: Serve) -> None:
    connection, _ = serve("plain")
    for _ in range(2):
        done = subprocess.run(connection.reopen_argv(), capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert connection.is_open()


def test_prints_the_error_and_exits_with_its_code(loopback: Loopback, serve: Serve) -> None:
    connection, _ = serve("new", known=False)
    done = subprocess.run(connection.reopen_argv(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert done.stderr.startswith("cluster new: host [127.0.0.1]:")
    assert "next: compare the fingerprint" in done.stderr


def test_streams_are_closed_when_it_ends(serve: Serve) -> None:
    """The master in the background must not hold the caller's pipes open."""
    connection, _ = serve("plain")
    process = subprocess.Popen(
        connection.reopen_argv(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.communicate(timeout=60) == (b"", b"")
    assert connection.is_open()


def test_arguments_hold_what_names_the_way_and_nothing_more(serve: Serve) -> None:
    connection, _ = serve("plain")
    text = connection.reopen_argv()[-1]
    assert set(connection.destination.from_json(text).__dict__) == {
        *("name", "host", "user", "port", "jump", "identity_file", "config_file"),
        *("persist_seconds", "connections_per_minute"),
    }
