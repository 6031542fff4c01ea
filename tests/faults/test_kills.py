"""kill -9 of every process that a run stands on: how it ends, and that nothing stays behind.

The ssh behind the shared connection is killed in ``test_drops``, ten times under load.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Literal

import pytest

from towline.clusters.on_testbed import redefine
from towline.testbed import Testbed

from .conftest import NothingLeft, Start
from .remains import on_cluster, processes_here
from .scripts import WHEN_TOLD, on_both, on_onprem, stream
from .slurm import jobs_ever
from .towline_run import TowlineRun, towline
from .waiting import until

COUNT = 12

LEASE_SECONDS = 10

SUBMIT_SECONDS = 12.0


def started(start: Start) -> TowlineRun:
    """Start a stream of tasks on both clusters; return when both have given results.

    The interchange of `b` runs on its controller.
    """
    executors = on_both(heartbeat_threshold=10, interchange="workspace")
    executors["b"]["interchange"] = "controller"
    run = start(stream(COUNT), executors)
    run.wait_for_output("got ('a', 1)")
    run.wait_for_output("got ('b', 1)")
    return run


def kill(pid: int) -> None:
    """Kill a process of this test's own run."""
    os.kill(pid, signal.SIGKILL)


def assert_all_results(run: TowlineRun) -> None:
    """Wait for the end; assert on success and on every task's one result."""
    ended = run.end(150)
    assert ended.exit_code == 0, ended
    assert "wrong results: []" in ended.output, ended
    assert ended.output.count("got (") == 2 * COUNT, ended
    assert "leftovers: none" in ended.words


def test_a_killed_script_leaves_nothing(start: Start, nothing_left: NothingLeft) -> None:
    """Its supervisor cleans up, and says what killed it."""
    run = started(start)
    kill(run.wait_for("running").facts["pid"])
    ended = run.end()
    assert ended.exit_code == 1, ended
    assert "because    the script was killed by signal 9 (SIGKILL)" in ended.words
    assert "leftovers: none" in ended.words
    nothing_left(run)


def test_a_killed_supervisor_leaves_nothing(start: Start, nothing_left: NothingLeft) -> None:
    """The kernel tells the script; whoever watches the run cleans it up and says so."""
    run = started(start)
    kill(run.wait_for("starting").facts["pid"])
    ended = run.end()
    assert ended.exit_code == 6, ended
    assert "supervisor vanished" in ended.words
    assert "leftovers: none" in ended.words
    nothing_left(run)


def test_a_script_that_is_killed_while_it_prepares_leaves_nothing(
    start: Start, nothing_left: NothingLeft
) -> None:
    """Links are up, environments on their way; nothing was submitted yet."""
    run = start(stream(COUNT), on_both())
    script = run.wait_for("running").facts["pid"]
    run.wait_for("link", state="up")
    kill(script)
    ended = run.end()
    assert ended.exit_code == 1, ended
    assert "leftovers: none" in ended.words
    nothing_left(run)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_script_that_is_killed_while_it_submits_leaves_no_job(
    clusters: Testbed,
    start: Start,
    nothing_left: NothingLeft,
    when: Literal["before", "after"],
) -> None:
    """Sbatch is under way, its job not yet there, or there and not known to anybody."""
    run = start(WHEN_TOLD, on_onprem(init_blocks=0))
    run.wait_for_output("loaded")
    clusters.delay_command("onprem", "sbatch", SUBMIT_SECONDS, when=when)
    (run.work / "go").touch()
    until(lambda: submitting(clusters), "sbatch to be under way", lambda: run.events("block"))
    kill(run.wait_for("running").facts["pid"])
    ended = run.end()
    assert ended.exit_code == 1, ended
    assert "leftovers: none" in ended.words
    nothing_left(run)
    assert len(jobs_ever(clusters, "onprem", run)) == (1 if when == "after" else 0)


def submitting(clusters: Testbed) -> bool:
    """Say whether onprem's user waits for a delayed sbatch."""
    wanted = ["pgrep", "-u", "jdoe", "-f", f"sleep {SUBMIT_SECONDS}"]
    return clusters.exec("onprem-ctl", wanted, check=False).returncode == 0


def test_a_run_that_is_interrupted_leaves_nothing(start: Start, nothing_left: NothingLeft) -> None:
    """Ctrl-C: the script cleans up by itself, and the exit code is the shell's for SIGINT."""
    run = started(start)
    run.process.send_signal(signal.SIGINT)
    ended = run.end()
    assert ended.exit_code == 130, ended
    assert "leftovers: none" in ended.words
    nothing_left(run)


def test_a_workspace_that_is_gone_for_good_leaves_nothing_running(
    clusters: Testbed, home: Path, start: Start, nothing_left: NothingLeft
) -> None:
    """No goodbye reaches the clusters: leases end the jobs there; the logs wait to be fetched."""
    for name in clusters.clusters:
        redefine(clusters, name, lease_seconds=LEASE_SECONDS)
    run = started(start)
    with clusters.cut("onprem"), clusters.cut("cloud"):
        while alive := processes_here(home):
            for pid, _ in alive:
                with contextlib.suppress(ProcessLookupError):
                    kill(pid)
            run.process.poll()
    running: list[str] = []

    def ended() -> bool:
        running[:] = [
            line
            for cluster in clusters.clusters.values()
            for line in on_cluster(clusters, cluster)
            if "folder" not in line
        ]
        return not running

    until(ended, "the leases to end everything", lambda: running, LEASE_SECONDS + 60)
    towline("run", "cancel", str(run.folder.number))
    assert run.events("ended", state="lost")
    nothing_left(run)


def test_tasks_outlive_a_killed_link_client(
    home: Path, start: Start, nothing_left: NothingLeft
) -> None:
    """What was in flight is lost with it: new blocks, over a new link, do those tasks again."""
    run = started(start)
    clients = [pid for pid, words in processes_here(home) if "towline.link.client" in words]
    assert len(clients) == 2
    for pid in clients:
        kill(pid)
    assert_all_results(run)
    for cluster in ("onprem", "cloud"):
        assert run.events("link", cluster=cluster, state="lost")
    nothing_left(run)


def test_tasks_outlive_a_killed_agent(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """The same from the other end: the agent on the controller is killed."""
    run = started(start)
    for name, cluster in clusters.clusters.items():
        folder = f"{cluster.home}/.towline/runs/{run.folder.tag}"
        clusters.exec(f"{name}-ctl", ["sh", "-c", f"kill -9 $(cut -d' ' -f1 {folder}/link/pid)"])
    assert_all_results(run)
    for name in clusters.clusters:
        assert run.events("link", cluster=name, state="lost")
    nothing_left(run)


def test_tasks_outlive_a_killed_interchange_on_a_controller(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """A new one takes its place, with new blocks; what it held is done again."""
    run = started(start)
    cloud = clusters.clusters["cloud"]
    clusters.exec(
        "cloud-ctl", ["pkill", "-KILL", "-u", cloud.user, "-f", "interchange.b.*serve.py"]
    )
    assert_all_results(run)
    words = [event.facts["text"] for event in run.events("warning", executor="b")]
    assert any("its process on the controller has ended" in text for text in words)
    nothing_left(run)
