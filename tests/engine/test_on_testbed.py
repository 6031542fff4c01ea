"""One script, two real Slurm clusters behind SSH: what a user of towline.load() sees."""

from __future__ import annotations

import os
import platform
import posixpath
import subprocess
import time
from collections.abc import Callable
from typing import Any

import parsl
import pytest
from parsl.executors.errors import BadStateException

import towline
from towline.errors import DefinitionError, SubmitRefused
from towline.runs import RunFolder
from towline.testbed import Testbed

BOTH: dict[str, Any] = {
    "a": {"cluster": "onprem", "partition": "compute", "tasks_per_node": 2, "packages": ["parsl"]},
    "b": {"cluster": "cloud", "partition": "gpu", "gres": "gpu:1", "packages": ["parsl"]},
}


def app(label: str, function: Any) -> Any:
    """Return an app of one executor; the function is of the standard library.

    Parsl sends functions of other modules by name, and the tests' modules are not on the clusters.
    """
    return parsl.python_app(function, executors=[label])


def test_a_result_of_one_cluster_is_used_on_the_other(
    clusters: Testbed, leftovers: Callable[[], list[str]]
) -> None:
    """Apps run on nodes of their own cluster and partition; afterwards nothing is left."""
    with towline.load(BOTH):
        host = app("a", platform.node)()
        joined = app("b", posixpath.join)(host, "and beyond")
        partitions = [app(label, os.getenv)("SLURM_JOB_PARTITION") for label in BOTH]
        there = app("b", platform.node)()
        assert joined.result(60) in {"onprem-n1/and beyond", "onprem-n2/and beyond"}
        assert [future.result(60) for future in partitions] == ["compute", "gpu"]
        assert there.result(60) == "cloud-n2"
    assert leftovers() == []
    assert RunFolder.all()[0].ledger.open_entries() == []


def test_workers_can_run_on_the_controller_itself(
    clusters: Testbed, leftovers: Callable[[], list[str]]
) -> None:
    """The talk's LocalProvider case: no scheduler, processes on the head node."""
    with towline.load(
        {"c": {"cluster": "onprem", "provider": "controller", "packages": ["parsl"]}}
    ):
        assert app("c", platform.node)().result(60) == "onprem-ctl"
    assert leftovers() == []


def test_a_block_spans_nodes(clusters: Testbed) -> None:
    """nodes: 2 puts a manager on each node of one job."""
    with towline.load({"a": {"cluster": "onprem", "nodes": 2, "packages": ["parsl"]}}) as dfk:
        app("a", platform.node)().result(60)
        executor = dfk.executors["a"]
        deadline = time.monotonic() + 60
        while len(managers := executor.connected_managers()) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(managers) == 2
    seen = [event.facts for event in RunFolder.all()[0].events.read() if event.name == "block"]
    assert "onprem-n[1-2]" in {facts["nodes"] for facts in seen}
    blocks = RunFolder.all()[0].blocks / "onprem"
    assert (blocks / "jobs" / "a.0.stdout").is_file()
    assert len(list(blocks.glob("logs/a/block-0/*/manager.log"))) == 2


@pytest.mark.parametrize(
    ("executor", "error", "words"),
    [
        ({"cluster": "onprm"}, DefinitionError, "onprem"),
        ({"cluster": "onprem", "partition": "compte"}, DefinitionError, "did you mean compute?"),
        ({"cluster": "onprem", "walltime": "48:00:00"}, SubmitRefused, "limit of 01:00:00"),
        ({"cluster": "onprem", "nodes": 9}, SubmitRefused, "Nothing was submitted"),
    ],
)
def test_what_a_cluster_does_not_have_is_said_before_anything_is_submitted(
    clusters: Testbed,
    leftovers: Callable[[], list[str]],
    executor: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    """Wrong cluster, partition, walltime, nodes: clear words, and nothing left."""
    with pytest.raises(error, match=words):
        towline.load({"a": executor})
    assert leftovers() == []


def test_an_sbatch_that_hangs_is_ended_and_the_block_sent_again(
    clusters: Testbed, leftovers: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets so many seconds; the block waits in case a job appears, and goes a second time."""
    monkeypatch.setattr("towline.engine.over_ssh.SUBMIT_SECONDS", 2)
    monkeypatch.setattr("towline.engine.queue_watch.UNANSWERED_SECONDS", 3.0)
    with towline.load({"a": {"cluster": "onprem", "init_blocks": 0, "packages": ["parsl"]}}):
        clusters.hang_command("onprem", "sbatch", times=1)  # not before: load() tries sbatch, too
        assert app("a", platform.node)().result(60)
        assert "sbatch" not in clusters.exec("onprem-ctl", ["ps", "-e", "-o", "args="]).stdout
    seen = [event.facts for event in RunFolder.all()[0].events.read() if event.name == "block"]
    told = [(facts["state"], facts["reason"]) for facts in seen if facts["block"] == 0]
    hung = "no answer to the submission: sbatch gave no answer in 2 s"
    assert ("unanswered", hung) in told
    assert ("waiting", "the submission left no job; trying again") in told
    assert leftovers() == []


def test_a_dead_interchange_fails_its_tasks_and_hangs_nothing(
    clusters: Testbed, leftovers: Callable[[], list[str]]
) -> None:
    """Parsl itself would wait for ever; here the tasks fail in words and all is cleaned up."""
    with towline.load({"a": {"cluster": "onprem", "packages": ["parsl"]}}) as dfk:
        assert app("a", platform.node)().result(60)
        waiting = app("a", subprocess.call)(["sleep", "600"])
        dfk.executors["a"].interchange_proc.kill()
        with pytest.raises(BadStateException, match="interchange ended by itself"):
            waiting.result(60)
    assert leftovers() == []
