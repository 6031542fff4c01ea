"""A cluster that cannot be reached holds up no other: not its results, not its first block."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Callable
from typing import Any

import parsl

import towline
from towline.runs import RunFolder
from towline.runs.events import Event
from towline.testbed import Testbed

HELD = "touch ~/held-$0; while [ ! -e ~/go ]; do sleep 0.1; done; echo $0"
"""Says its name once it is let go."""

TOGETHER = "touch ~/here-$0; while [ ! -e ~/here-1 ] || [ ! -e ~/here-2 ]; do sleep 0.1; done"
"""Ends when the other one runs, too."""

SECONDS = 40
"""Generous: for tasks whose cluster is alive while the other one is not."""


def app(label: str, function: Any) -> Any:
    """Return an app of a function of the standard library, as workers have no tests."""
    return parsl.python_app(function, executors=[label])


def hold(label: str, number: int) -> Any:
    """Return the future of a task that is held until all are let go."""
    return app(label, subprocess.check_output)(["sh", "-c", HELD, f"{label}-{number}"])


def events(name: str) -> list[Event]:
    """Return the run's events of a name."""
    return [event for event in RunFolder.all()[0].events.read() if event.name == name]


def test_the_others_scale_out_and_give_results(
    clusters: Testbed, leftovers: Callable[[], list[str]]
) -> None:
    """While cloud is cut off, wants more blocks and has tasks, onprem gets its first two blocks.

    Wherever the interchange of cloud's executors runs. Their tasks end when the way is open again,
    none of them for the second time.
    """
    common: dict[str, Any] = {"packages": ["parsl"], "tasks_per_node": 1, "max_blocks": 2}
    cloud = clusters.clusters["cloud"]
    dead = ("workspace", "controller")
    executors = {x: {**common, "cluster": "cloud", "interchange": x} for x in dead}
    executors["alive"] = {**common, "cluster": "onprem", "init_blocks": 0}
    clusters.ssh("onprem", "rm -f ~/here-*")
    clusters.ssh("cloud", "rm -f ~/held-* ~/go")
    with towline.load(executors):
        held = {label: [hold(label, 0)] for label in dead}
        names = " ".join(f"held-{label}-0" for label in dead)
        running = f"for file in {names}; do until [ -e $file ]; do sleep 0.1; done; done"
        clusters.exec("cloud-ctl", ["sh", "-c", running], user=cloud.user)
        with clusters.cut("cloud"):
            for label in dead:
                held[label] += [hold(label, number) for number in (1, 2)]
            assert (
                app("alive", platform.node)().result(SECONDS) in clusters.clusters["onprem"].nodes
            )
            both = [app("alive", subprocess.call)(["sh", "-c", TOGETHER, n]) for n in ("1", "2")]
            assert [future.result(SECONDS) for future in both] == [0, 0]
            assert not any(future.done() for label in dead for future in held[label])
            wanted = {(e.facts["executor"], e.facts["block"]) for e in events("block")}
            assert wanted >= {(label, 1) for label in dead}
        clusters.exec("cloud-ctl", ["touch", "go"], user=cloud.user)
        for label in dead:
            results = [future.result(90).decode().strip() for future in held[label]]
            assert results == [f"{label}-{number}" for number in range(3)]
            assert {future.task_record["try_id"] for future in held[label]} == {0}
    assert leftovers() == []
