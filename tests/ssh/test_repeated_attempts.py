"""How often an attempt that failed is repeated, and how many connections a minute are opened."""

from __future__ import annotations

import subprocess
import threading
from typing import Any

import pytest

from towline.errors import (
    HostKeyUnknown,
    HostUnreachable,
    LoginRefused,
)
from towline.ssh import attempts

from .conftest import Connect
from .loopback import Loopback, wait_until

Events = list[tuple[str, dict[str, Any]]]


def names(events: Events) -> list[str]:
    return [name for name, _ in events]


def test_failure_is_repeated_without_connecting_until_its_back_off_is_over(
    loopback: Loopback, connect: Connect
) -> None:
    server = loopback.serve("plain", "AuthorizedKeysFile none")
    connection = connect(loopback, "plain")
    for _ in range(5):
        with pytest.raises(LoginRefused):
            connection.open()
    assert server.connections() == 1


def test_fresh_attempt_connects_whatever_failed_before(
    loopback: Loopback, connect: Connect
) -> None:
    server = loopback.serve("plain", known=False)
    connection = connect(loopback, "plain")
    with pytest.raises(HostKeyUnknown):
        connection.open()
    loopback.accept(server)
    with pytest.raises(HostKeyUnknown, match="not repeated yet"):
        connection.open()
    connection.open(fresh=True)
    assert connection.is_open()


def test_patient_caller_waits_for_a_host_to_come_back(
    loopback: Loopback, connect: Connect, events: Events
) -> None:
    server = loopback.serve("plain")
    server.stop()

    def come_back() -> None:
        wait_until(lambda: "connection_failed" in names(events), "a failed attempt")
        server.start()

    threading.Thread(target=come_back).start()
    connect(loopback, "plain").open(timeout=30, patient=True)
    assert names(events)[-1] == "connected"


def test_patient_caller_does_not_wait_where_a_person_is_needed(
    loopback: Loopback, connect: Connect, events: Events
) -> None:
    loopback.serve("plain", known=False)
    with pytest.raises(HostKeyUnknown):
        connect(loopback, "plain").open(timeout=30, patient=True)
    assert names(events).count("connecting") == 1


def test_connections_a_minute_are_capped_over_all_processes(
    loopback: Loopback, connect: Connect
) -> None:
    server = loopback.serve("plain")
    connection = connect(loopback, "plain", connections_per_minute=3)
    for _ in range(3):
        subprocess.run(connection.reopen_argv(), check=True)
        connection.close()
    with pytest.raises(HostUnreachable, match="3 connections were opened within a minute"):
        connection.open(timeout=2)
    assert server.connections() == 3


def test_wait_for_the_cap_is_reported_and_ends(
    loopback: Loopback, connect: Connect, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "MINUTE", 2.0)
    loopback.serve("plain")
    connection = connect(loopback, "plain", connections_per_minute=1)
    connection.open()
    connection.close()
    connection.open(timeout=20)
    assert "waiting_connection_budget" in names(events)
    assert connection.is_open()
