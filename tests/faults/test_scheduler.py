"""A scheduler that fails, hangs, answers late or not at all: no job is lost, none sent twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from towline.testbed import Testbed

from .conftest import NothingLeft, Start
from .scripts import HEAD, ONE_TASK, WHEN_TOLD, on_both, on_onprem
from .slurm import admin, jobs_ever
from .towline_run import TowlineRun
from .waiting import until

NO_CONTROLLER = (
    "sbatch: error: Batch job submission failed: Unable to contact slurm controller "
    "(connect failure)"
)
INVALID_ACCOUNT = (
    "sbatch: error: Batch job submission failed: "
    "Invalid account or account/partition combination specified"
)

TWO_CLUSTERS = (
    HEAD
    + """\
with towline.load() as dfk:
    on_a = [app("a", square)(n) for n in range(3)]
    on_b = [app("b", square)(n, 0.2) for n in range(30)]
    errors = {str(future.exception()) for future in on_a}
    print("errors of a:", errors)
    print("results of b:", sum(future.result() for future in on_b))
    on_a[0].result()
"""
)


def start_and_break(start: Start, fault: Callable[[], Any], **facts: Any) -> TowlineRun:
    """Start a run of one task; have the fault there when the first block is submitted."""
    run = start(WHEN_TOLD, on_onprem(init_blocks=0, **facts))
    run.wait_for_output("loaded")
    fault()
    (run.work / "go").touch()
    return run


def test_a_submission_that_fails_for_now_is_tried_again(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """Slurm's controller is away for two submissions; the third is the block."""
    run = start_and_break(
        start, lambda: clusters.fail_command("onprem", "sbatch", NO_CONTROLLER, times=2)
    )
    ended = run.end()
    assert ended.exit_code == 0, ended
    assert "result 49" in ended.output
    waited = [event.facts["reason"] for event in run.events("block", state="waiting")]
    assert any("Unable to contact slurm controller" in reason for reason in waited)
    assert len(jobs_ever(clusters, "onprem", run)) == 1
    nothing_left(run)


def test_a_submission_that_is_refused_gives_that_executor_up_once(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """Its tasks fail with the site's own words, and the other executor goes on to its end."""
    with clusters.fail_command("onprem", "sbatch", INVALID_ACCOUNT):
        run = start(TWO_CLUSTERS, on_both())
        ended = run.end()
    assert ended.exit_code == 4, ended
    assert f"results of b: {sum(n * n for n in range(30))}" in ended.output
    assert len(re.findall("errors of a: .*Invalid account", ended.output)) == 1
    assert len(run.events("error", executor="a", error="SubmitRefused")) == 1
    assert ended.words.count("Invalid account or account/partition combination") <= 4, ended
    assert jobs_ever(clusters, "onprem", run) == []
    nothing_left(run)


def test_a_job_whose_answer_was_lost_is_found_and_not_sent_twice(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """Sbatch says that it timed out, yet the job is there: it is known by its name."""
    run = start_and_break(start, lambda: clusters.lose_answer("onprem", times=1))
    ended = run.end()
    assert ended.exit_code == 0, ended
    assert "result 49" in ended.output
    assert run.events("block", state="unanswered")
    assert len(jobs_ever(clusters, "onprem", run)) == 1
    nothing_left(run)


def test_a_job_whose_answer_is_late_and_then_cut_off_is_not_sent_twice(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """The connection breaks when the job is there and sbatch has not answered yet."""
    run = start_and_break(
        start, lambda: clusters.delay_command("onprem", "sbatch", 3, when="after", times=1)
    )
    until(lambda: jobs_ever(clusters, "onprem", run), "the job to be there", lambda: "no job")
    clusters.cut("onprem")
    run.wait_for("block", state="unanswered")
    clusters.restore("onprem")
    ended = run.end()
    assert ended.exit_code == 0, ended
    assert "result 49" in ended.output
    assert len(jobs_ever(clusters, "onprem", run)) == 1
    nothing_left(run)


def test_a_queue_that_cannot_be_seen_is_left_alone(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """Squeue hangs, then fails: tasks go on, no job is sent or cancelled because of it."""
    script = (
        HEAD
        + """\
with towline.load() as dfk:
    print("first", app("a", square)(1).result())
    n = 0
    while not os.path.exists("enough"):
        n += 1
        app("a", square)(n, 0.1).result()
    print("tasks meanwhile:", n)
"""
    )
    run = start(script, on_onprem())
    run.wait_for_output("first 1")
    with clusters.hang_command("onprem", "squeue"):
        said = run.wait_for("warning", cluster="onprem").facts["text"]
        assert said == "squeue did not answer"
        assert not run.events("block", state="ended")
    run.wait_for("recovered", cluster="onprem")
    (run.work / "enough").touch()
    ended = run.end()
    assert ended.exit_code == 0, ended
    assert len(jobs_ever(clusters, "onprem", run)) == 1
    nothing_left(run)


def test_a_site_that_keeps_slurm_off_the_path_is_served_all_the_same(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """Many sites put Slurm on the PATH in a profile that no command over SSH reads."""
    hide = "mkdir -p /opt/slurm/bin; cd /usr/bin\n"
    for command in ("sbatch", "squeue", "scancel", "scontrol", "sinfo", "sacct", "srun"):
        hide += f"cp {command} /opt/slurm/bin; mount --bind /dev/null {command}\n"
        hide += f"mount --bind /dev/null /usr/local/bin/{command}\n"
    admin(clusters, "onprem", hide)
    try:
        run = start(ONE_TASK, on_onprem())
        ended = run.end()
    finally:
        admin(clusters, "onprem", "umount /usr/bin/s* /usr/local/bin/s* 2>/dev/null; :")
    assert ended.exit_code == 0, ended
    assert "result 49" in ended.output
    assert len(jobs_ever(clusters, "onprem", run)) == 1
    nothing_left(run)


def test_a_controller_that_loses_power_just_after_a_submission_loses_no_task(
    clusters: Testbed, start: Start, nothing_left: NothingLeft
) -> None:
    """Slurm may forget the job, and the link's agent is gone: another block does the work."""
    run = start_and_break(start, lambda: None, heartbeat_threshold=10)
    run.wait_for("block", block=0, state="queued")
    clusters.power_cycle("onprem-ctl")
    ended = run.end(150)
    assert ended.exit_code == 0, ended
    assert "result 49" in ended.output
    nothing_left(run)
