"""Workers, blocks and nodes that die under a run: their tasks are tried again, no others."""

from __future__ import annotations

import pytest

from towline.testbed import Testbed

from .conftest import NothingLeft, Start
from .scripts import HEAD, ONE_TASK, on_onprem
from .slurm import admin, jobs_ever, partition_down
from .towline_run import TowlineRun
from .waiting import until

LOST_AFTER = 10
"""Heartbeat threshold, seconds: the smallest that a definition may say."""

LONG_TASK = (
    HEAD
    + """\
def slow(n):
    import os, time
    began = os.path.expanduser("~/began-" + os.environ["TOWLINE_RUN_TAG"])
    first = not os.path.exists(began)
    open(began, "w").close()
    if first:
        time.sleep(600)
    return n * n

with towline.load() as dfk:
    future = app("a", slow)(7)
    print("result", future.result())
    print("tries", future.task_record["try_id"])
"""
)


def test_a_task_that_kills_its_worker_takes_no_other_down(
    start: Start, nothing_left: NothingLeft
) -> None:
    """It fails after its retries with words that say so; all other tasks get their results."""
    script = (
        HEAD
        + """\
def suicide():
    import os
    os.kill(os.getpid(), 9)

with towline.load() as dfk:
    bad = app("a", suicide)()
    good = [app("a", square)(n, 0.1) for n in range(10)]
    print("good", [future.result() for future in good])
    bad.exception()
    print("tries", bad.task_record["try_id"])
    bad.result()
"""
    )
    ended = start(script, on_onprem(heartbeat_threshold=LOST_AFTER)).end()
    assert ended.exit_code == 1, ended
    assert f"good {[n * n for n in range(10)]}" in ended.output
    assert "tries 2" in ended.output
    assert "because    parsl.executors.high_throughput.errors.WorkerLost: " in ended.words
    assert "loss of worker" in ended.words
    nothing_left(ended.run)


def test_a_block_that_dies_in_the_queue_is_replaced(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """The site's admin cancels the job before it has started."""
    with partition_down(clusters, "onprem", "compute"):
        run = start(ONE_TASK, on_onprem())
        queued = run.wait_for("block", block=0, state="queued")
        admin(clusters, "onprem", f"scancel {queued.facts['job_id']}")
        run.wait_for("block", block=1, state="queued")
    ended = run.end()
    assert ended.exit_code == 0, ended
    assert "result 49" in ended.output
    first = run.wait_for("block", block=0, state="ended")
    assert "cancelled" in first.facts["reason"].lower()
    assert len(jobs_ever(clusters, "onprem", run)) == 2
    nothing_left(run)


def test_blocks_that_die_again_and_again_are_not_submitted_for_ever(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """A site that cancels all that we submit is not asked a fourth time; the reason is told."""
    with partition_down(clusters, "onprem", "compute"):
        run = start(ONE_TASK, on_onprem())
        for number in range(3):
            queued = run.wait_for("block", block=number, state="queued")
            admin(clusters, "onprem", f"scancel {queued.facts['job_id']}")
        ended = run.end()
    assert ended.exit_code != 0, ended
    assert "3 blocks in a row" in ended.words
    assert len(jobs_ever(clusters, "onprem", run)) == 3
    nothing_left(run)


def test_tasks_of_a_block_that_is_killed_run_on_the_next_one(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """The admin cancels a job with a task in it; the task is tried again and succeeds."""
    run = start(LONG_TASK, on_onprem(heartbeat_threshold=LOST_AFTER))
    running = run.wait_for("block", block=0, state="running")
    wait_until_it_began(clusters, run)
    admin(clusters, "onprem", f"scancel {running.facts['job_id']}")
    ended = run.end()
    assert ended.exit_code == 0, ended
    assert "result 49" in ended.output
    assert "tries 1" in ended.output
    nothing_left(run)


@pytest.mark.slow
def test_tasks_of_a_node_that_loses_power_run_on_another_one(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """Slurm notices after its own 30 s, and the job goes on on the other node."""
    run = start(LONG_TASK, on_onprem(heartbeat_threshold=LOST_AFTER))
    running = run.wait_for("block", block=0, state="running")
    wait_until_it_began(clusters, run)
    with clusters.unplug(running.facts["nodes"]):
        ended = run.end(180)
    assert ended.exit_code == 0, ended
    assert "result 49" in ended.output
    nothing_left(run)


def wait_until_it_began(clusters: Testbed, run: TowlineRun) -> None:
    """Wait until the long task has begun on onprem."""
    began = f"/home/jdoe/began-{run.folder.tag}"
    until(
        lambda: clusters.exec("onprem-ctl", ["test", "-e", began], check=False).returncode == 0,
        "the task to begin",
        lambda: run.events("block"),
    )
