"""A cluster that cannot be reached holds up no other: not its results, not its first block."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Callable
from typing import Any

import parsl
import pytest

import towline
from towline.testbed import Testbed

HELD = "touch ~/held-$0; while [ ! -e ~/go ]; do sleep 0.1; done; echo $0"
"""Says its number once it is let go."""

TOGETHER = "touch ~/here-$0; while [ ! -e ~/here-1 ] || [ ! -e ~/here-2 ]; do sleep 0.1; done"
"""Ends when the other one runs, too."""

SECONDS = 40
"""Generous: for tasks whose cluster is alive while the other one is not."""


def app(label: str, function: Any) -> Any:
    """Return an app of a function of the standard library, as workers have no tests."""
    return parsl.python_app(function, executors=[label])


@pytest.mark.parametrize("interchange", ["workspace", "controller"])
def test_the_others_scale_out_and_give_results(
    clusters: Testbed, leftovers: Callable[[], list[str]], interchange: str
) -> None:
    """While cloud is cut off, wants another block and has tasks, onprem gets its first two blocks.

    Cloud's tasks end when the way is open again, none of them for the second time.
    """
    common: dict[str, Any] = {"packages": ["parsl"], "tasks_per_node": 1, "max_blocks": 2}
    cloud, controller = clusters.clusters["cloud"], "cloud-ctl"
    executors = {
        "dead": {**common, "cluster": "cloud", "interchange": interchange},
        "alive": {**common, "cluster": "onprem", "init_blocks": 0},
    }
    clusters.ssh("onprem", "rm -f ~/here-*")
    clusters.ssh("cloud", "rm -f ~/held-* ~/go")
    with towline.load(executors):
        held = [app("dead", subprocess.check_output)(["sh", "-c", HELD, "0"])]
        wait = f"until [ -e {cloud.home}/held-0 ]; do sleep 0.1; done"
        clusters.exec(controller, ["sh", "-c", wait], timeout=60)
        with clusters.cut("cloud"):
            for number in range(1, 4):
                task = ["sh", "-c", HELD, str(number)]
                held.append(app("dead", subprocess.check_output)(task))
            assert (
                app("alive", platform.node)().result(SECONDS) in clusters.clusters["onprem"].nodes
            )
            both = [app("alive", subprocess.call)(["sh", "-c", TOGETHER, n]) for n in ("1", "2")]
            assert [future.result(SECONDS) for future in both] == [0, 0]
            assert not any(future.done() for future in held)
        clusters.exec(controller, ["touch", f"{cloud.home}/go"], user=cloud.user)
        assert [int(future.result(90)) for future in held] == [0, 1, 2, 3]
        assert {future.task_record["try_id"] for future in held} == {0}
    assert leftovers() == []
