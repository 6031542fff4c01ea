"""A cluster that is really off, boots, can be refused, and is given back: the testbed's power API.

And the type ``local-elastic`` on it: through the XX
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from towline.clusters import ClusterMemory, ClusterStore, define
from towline.clusters.power import Desired, PowerState
from towline.clusters.switching import judge, visit
from towline.clusters.types import Power, broken_types, cluster_types, look_again
from towline.errors import CapacityMissing, DefinitionError
from towline.testbed import Testbed

LIMIT = 60.0  # seconds that anything may take


@pytest.fixture(scope="module")
def elastic(testbed_can_run: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """Boot a testbed whose one cluster is off."""
    with Testbed(tmp_path_factory.mktemp("elastic"), clusters=("elastic",)) as running:
        yield running


@pytest.fixture
def off(elastic: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Testbed]:
    """Lend the testbed, its cluster off and without delay, and switch that off afterwards."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "home"))
    yield elastic
    elastic.power_off("elastic")
    elastic.set_power("elastic", boot_seconds=0, refusals=0)


def defined(testbed: Testbed, name: str = "burst") -> Power:
    """Define the cluster, and return what a visit to it needs."""
    definition = define(name, type="local-elastic", testbed=str(testbed.folder))
    ClusterStore().add(definition)
    return Power(ClusterStore().load(name), ClusterMemory(name))


def until(condition: Callable[[], Any], what: str) -> Any:
    """Wait for a condition and return what it gave; name it when it does not come."""
    deadline = time.monotonic() + LIMIT
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {LIMIT:.0f} s: {what}"
        time.sleep(0.05)
    return found


def processes_of(testbed: Testbed) -> list[str]:
    """Return the hosts of the cluster that have a first process, by asking each host."""
    alive = []
    for host in ("elastic-ctl", "elastic-n1", "elastic-n2"):
        if testbed.status()["hosts"][host]:
            alive.append(host)
    return alive


def test_a_cluster_that_is_off_has_no_host_and_no_address_that_answers(off: Testbed) -> None:
    assert off.power("elastic")["state"] == "off"
    assert processes_of(off) == []
    tried = off.ssh("elastic", "true", check=False)
    assert tried.returncode == 255


def test_a_start_takes_as_long_as_was_set_and_can_be_taken_back(off: Testbed) -> None:
    off.set_power("elastic", boot_seconds=30)
    assert off.power_on("elastic")["state"] == "starting"
    assert processes_of(off) == []
    assert off.power_on("elastic")["state"] == "starting"
    assert off.power_off("elastic")["state"] == "off"
    assert off.power("elastic")["nodes"] == 0


def test_a_start_that_finds_no_capacity_starts_nothing(off: Testbed) -> None:
    off.set_power("elastic", refusals=1)
    assert off.power_on("elastic")["refused"] == "InsufficientInstanceCapacity"
    assert processes_of(off) == []


def test_a_plug_in_is_found_by_its_entry_point_and_a_broken_one_is_left_out_in_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "other-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Name: other\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(
        "[towline.cluster_types]\nill = nowhere:Nothing\nlocal = towline.clusters:ClusterStore\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "home"))
    look_again()
    try:
        assert "local-elastic" in cluster_types()
        assert "No module named 'nowhere'" in broken_types()["ill"]
        assert "there is a type local already" in broken_types()["local"]
        with pytest.raises(DefinitionError, match="ill is installed, but ModuleNotFoundError"):
            define("sick", type="ill")
    finally:
        monkeypatch.undo()
        look_again()


def test_a_capacity_error_is_told_apart_and_the_next_try_boots(off: Testbed) -> None:
    """Off, error for want of capacity, starting, on with its nodes, off with nothing left."""
    power = defined(off)
    off.set_power("elastic", refusals=1)
    refused = visit(power, Desired.ON)
    assert isinstance(refused.trouble, CapacityMissing)
    assert judge(Desired.ON, refused)[0] is PowerState.ERROR
    with pytest.raises(DefinitionError, match="is off"):
        power.shell()
    states = []

    def on() -> bool:
        states.append(judge(Desired.ON, visit(power, Desired.ON))[0].value)
        return states[-1] == "on"

    until(on, "the cluster is on")
    assert set(states) == {"starting", "on"}
    seen = visit(power, Desired.ON).observation
    assert seen is not None and seen.nodes_by_state == {"idle": 2}
    assert seen.controller == "10.77.15.2"
    assert processes_of(off) == ["elastic-ctl", "elastic-n1", "elastic-n2"]
    until(
        lambda: judge(Desired.OFF, visit(power, Desired.OFF))[0] is PowerState.OFF,
        "the cluster is off",
    )
    assert processes_of(off) == []


SERVER = """
import asyncio, json, sys
from towline.server.app import create_app
from towline.server.settings import Settings
app = create_app(Settings(port=8696))
async def main():
    async with app.router.lifespan_context(app):
        clusters = app.state.services.clusters
        from towline.clusters.power import Desired
        if sys.argv[1]:
            await clusters.want(clusters.get("burst"), Desired(sys.argv[1]))
        told = ""
        while True:
            state = clusters.get("burst").state.value
            if state != told:
                print(json.dumps({"state": state}), flush=True)
                told = state
                if state == "on" and sys.argv[2]:
                    await clusters.want(clusters.get("burst"), Desired(sys.argv[2]))
            await asyncio.sleep(0.02)
asyncio.run(main())
"""


def serve(desired: str = "", once_on: str = "") -> subprocess.Popen[str]:
    """Start a process with the server's parts; it says each state of the cluster."""
    return subprocess.Popen(
        [sys.executable, "-c", SERVER, desired, once_on],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def hear(server: subprocess.Popen[str], state: str) -> None:
    """Wait until a server says that the cluster is in a state."""
    assert server.stdout
    for line in server.stdout:
        if json.loads(line)["state"] == state:
            return
    raise AssertionError(f"the server ended before the cluster was {state}")


def test_a_server_killed_in_the_middle_of_a_start_goes_on_with_it(off: Testbed) -> None:
    """Nobody asks again; the start is not begun a second time; off works from there."""
    defined(off)
    off.set_power("elastic", boot_seconds=1)
    starts = off.power("elastic")["starts"]
    first = serve("on")
    try:
        hear(first, "starting")
        until(lambda: off.power("elastic")["state"] == "starting", "the boot has begun")
    finally:
        first.kill()
        first.wait()
    second = serve(once_on="off")
    try:
        hear(second, "on")
        assert off.power("elastic")["starts"] == starts + 1
        hear(second, "off")
        assert processes_of(off) == []
    finally:
        second.kill()
        second.wait()
