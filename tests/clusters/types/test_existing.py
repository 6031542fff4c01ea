"""Clusters that exist: on is connected and checked, off never breaks what somebody uses."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from towline.clusters import ClusterMemory, Desired, PowerState
from towline.clusters.on_testbed import definition_of
from towline.clusters.switching import judge, visit
from towline.clusters.types import Power
from towline.errors import ClusterInUse
from towline.ssh import Connection
from towline.testbed import Testbed


@pytest.fixture
def power(testbed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Power]:
    """A cluster of the testbed, never connected to."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path))
    definition = definition_of(testbed, "onprem")
    yield Power(definition, ClusterMemory("onprem"))
    Connection(definition.destination()).close()


def state_after(power: Power, desired: Desired | None) -> str:
    return judge(desired, visit(power, desired))[0].value


def test_a_look_alone_connects_to_nothing(power: Power, testbed: Testbed) -> None:
    before = testbed.connections("onprem")["accepted"]
    assert state_after(power, None) == "off"
    assert testbed.connections("onprem")["accepted"] == before


def test_on_is_connected_and_checked_and_the_same_again_does_nothing(
    power: Power, testbed: Testbed
) -> None:
    assert state_after(power, Desired.ON) == "on"
    accepted = testbed.connections("onprem")["accepted"]
    again = visit(power, Desired.ON)
    assert (again.stepped, again.trouble) == (False, None)
    assert testbed.connections("onprem")["accepted"] == accepted


def test_a_connection_that_something_uses_is_not_closed(power: Power) -> None:
    """No record names this user: its ssh is seen on this machine."""
    assert state_after(power, Desired.ON) == "on"
    connection = Connection(power.definition.destination())
    using = subprocess.Popen(connection.argv("cat"), stdin=subprocess.PIPE)
    try:
        kept = visit(power, Desired.OFF)
        assert isinstance(kept.trouble, ClusterInUse)
        assert f"process {using.pid}" in kept.trouble.cause
        assert judge(Desired.OFF, kept)[0] is PowerState.STOPPING
        assert using.poll() is None
    finally:
        using.communicate()
    assert state_after(power, Desired.OFF) == "off"
    assert not connection.is_open()
