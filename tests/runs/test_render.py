"""What a person reads, word for word."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from towline.runs import Event
from towline.runs.announce import Announcer
from towline.runs.render import clock, duration, plain, status_lines, summary_lines, tasks
from towline.runs.view import fold

BLOCK = {"cluster": "onprem", "executor": "ex", "block": 0}


def events(*pairs):
    made = [("created", {"number": 12, "script": "/a.py"}), ("starting", {}), ("running", {})]
    return [Event(1000.0 + n, name, facts) for n, (name, facts) in enumerate([*made, *pairs])]


def status(*pairs, now=1010.0):
    return [plain(line) for line in status_lines(fold(events(*pairs)), now)]


def summary(facts, *pairs):
    view = fold(events(*pairs, ("ended", facts)))
    return [plain(line) for line in summary_lines(view, Path("/runs/12"))]


def announced(*pairs):
    announcer, view, lines = Announcer(), None, []
    for event in events(*pairs):
        view = fold([event], view)
        lines.append(announcer.line(event, view))
    return [line for line in lines[3:] if line is not None]


ERROR = {"thing": "onprem/a", "cause": "no such partition", "next": "sinfo"}


def test_an_error_is_announced_unless_the_script_has_died_of_it_and_said_so():
    """Where two clusters fail, one error is raised; the other one would go unseen."""
    assert announced(
        ("error", {**ERROR, "cluster": "onprem", "executor": "a"}),
        ("error", {**ERROR, "at": "script.py:3"}),
    ) == ["a on onprem: error: onprem/a: no such partition; next: sinfo"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (3.14, "3.1 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1:00"),
        (187, "3:07"),
        (7394, "2:03:14"),
        (-5, "0.0 s"),
    ],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_a_moment_of_today_is_shown_by_its_hour_and_an_older_one_by_its_day():
    now = time.mktime((2026, 11, 22, 14, 0, 0, 0, 0, -1))

    assert clock(now - 60, now) == "13:59:00"
    assert clock(now - 86_400, now) == "Nov 21 14:00"
    assert clock(now - 400 * 86_400, now).startswith("2025-10-")


def test_counts_of_tasks():
    assert tasks(12, 1, 30) == "12/30 tasks (1 failed)"
    assert tasks(1, 0, 1) == "1/1 task"


def test_status_shows_for_each_cluster_what_is_waited_for_and_since_when():
    assert status(
        ("cluster_connecting", {"cluster": "cloud"}),
        ("environment", {"cluster": "onprem", "state": "pushing", "done": 12e6, "total": 30e6}),
    ) == [
        "run 12  running  10 s",
        "  cloud   connecting  7.0 s",
        "  onprem  environment: pushing 12/30 MB  6.0 s",
    ]


def test_status_shows_a_queued_block_with_the_schedulers_reason():
    pair = ("block", {**BLOCK, "state": "queued", "job_id": "17", "reason": "Resources"})

    assert status(pair)[1:] == ["  ex on onprem  queued  job 17 (Resources)  7.0 s"]


def test_status_shows_running_tasks_and_workers():
    counts = {"outstanding": 18, "workers": 4}
    assert status(
        ("block", {**BLOCK, "state": "running", "job_id": "17"}),
        ("progress", {"done": 12, "failed": 0, "total": 30, "executors": {"ex": counts}}),
    ) == [
        "run 12  running  10 s  12/30 tasks",
        "  ex on onprem  running  18 tasks to do, 4 workers  job 17",
    ]


def test_status_shows_an_outage_beside_the_executors_that_go_on():
    lines = status(
        ("block", {**BLOCK, "state": "running", "job_id": "17"}),
        ("link", {"cluster": "onprem", "state": "down"}),
    )

    assert lines[1] == "  onprem        link down: reconnecting; tasks go on  6.0 s"
    assert lines[2].startswith("  ex on onprem  running")


def test_status_shows_why_there_is_no_block():
    pair = ("block", {**BLOCK, "state": "ended", "outcome": "failed", "reason": "NODE_FAIL"})
    counts = {"ex": {"outstanding": 2}}

    assert status(pair, ("progress", {"executors": counts}))[1:] == [
        "  ex on onprem  no block; the last one: failed: NODE_FAIL"
    ]


def test_status_shows_what_the_clean_up_waits_for():
    lines = status(
        ("cancelling", {}), ("cleanup", {"cluster": "onprem", "step": "cancelling jobs"})
    )

    assert lines == ["run 12  cancelling  10 s", "  cleaning up  onprem: cancelling jobs"]


def test_status_of_an_executor_without_work_is_idle():
    pair = ("block", {**BLOCK, "state": "ended", "outcome": "cancelled", "reason": "CANCELLED"})

    assert status(pair)[1:] == ["  ex on onprem  idle"]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("waiting", "waiting to be submitted"),
        ("submitting", "being submitted"),
        ("unanswered", "submitted, not answered yet"),
        ("queued", "queued  7.0 s"),
    ],
)
def test_status_tells_what_a_block_without_a_job_waits_for(state, words):
    assert status(("block", {**BLOCK, "state": state}))[1:] == [f"  ex on onprem  {words}"]


def test_while_the_script_cleans_a_cluster_up_its_executors_are_not_shown():
    assert status(
        ("block", {**BLOCK, "state": "running", "job_id": "17"}),
        ("cleanup", {"cluster": "onprem", "step": "fetching logs"}),
    )[1:] == ["  onprem  clean-up: fetching logs  6.0 s"]


def test_workers_that_have_gone_are_not_starting():
    counts = [{"executors": {"ex": {"outstanding": 1, "workers": n}}} for n in (4, 0)]
    lines = status(
        ("block", {**BLOCK, "state": "running", "job_id": "17"}),
        *(("progress", facts) for facts in counts),
    )

    assert lines[1:] == ["  ex on onprem  running  1 task to do  job 17"]


def test_the_last_words_on_success():
    facts = {"state": "succeeded", "exit_code": 0, "seconds": 14.2, "leftovers": []}
    progress = ("progress", {"done": 30, "failed": 0, "total": 30})

    assert summary(facts, progress) == [
        "run 12 succeeded in 14 s, 30/30 tasks, leftovers: none",
        "  folder     /runs/12",
    ]


def test_the_last_words_on_failure_name_the_cause_and_the_next_command():
    facts = {"state": "failed", "exit_code": 1, "seconds": 3, "reason": "ValueError: x"}

    assert summary(facts) == [
        "run 12 failed in 3.0 s, leftovers: none",
        "  because    ValueError: x",
        "  look       towline run show 12",
        "  folder     /runs/12",
    ]


def test_the_last_words_name_each_leftover_and_how_to_remove_it():
    left = {"cluster": "onprem", "kind": "job", "what": "17", "detail": "RUNNING n1"}
    facts = {"state": "cancelled", "exit_code": 130, "seconds": 3, "leftovers": [left]}

    lines = summary({**facts, "reason": "cancelled"})

    assert "  leftover   job 17 on onprem (RUNNING n1)" in lines
    assert "  next       towline run leftovers 12 --remove" in lines
    assert "none" not in "".join(lines)


def test_a_log_says_each_step_once():
    pushing = {"cluster": "onprem", "executor": "ex", "state": "pushing", "total": 30e6}
    assert announced(
        ("cluster_connecting", {"cluster": "onprem"}),
        ("cluster_connected", {"cluster": "onprem", "seconds": 0.21}),
        ("environment", {**pushing, "state": "planned"}),
        ("environment", {**pushing, "state": "building"}),
        ("environment", {**pushing, "state": "built"}),
        ("environment", {**pushing, "done": 0}),
        ("environment", {**pushing, "done": 10e6}),
        ("environment", {**pushing, "state": "building"}),
        ("environment", {**pushing, "total": 35e3}),
        ("environment", {**pushing, "state": "ready", "cached": True, "seconds": 0.1}),
        ("link", {"cluster": "onprem", "state": "starting"}),
        ("link", {"cluster": "onprem", "state": "up"}),
        ("block", {**BLOCK, "state": "submitting"}),
        ("block", {**BLOCK, "state": "queued", "job_id": "17", "reason": "Priority"}),
        ("block", {**BLOCK, "state": "queued", "job_id": "17", "reason": "Priority"}),
        ("block", {**BLOCK, "state": "running", "job_id": "17", "nodes": "n1"}),
    ) == [
        "onprem: connecting",
        "onprem: connected (0.2 s)",
        "ex on onprem: environment: building",
        "ex on onprem: environment: pushing 30 MB",
        "ex on onprem: environment ready (cached, 0.1 s)",
        "onprem: link up",
        "ex on onprem: block 0 queued, job 17: Priority",
        "ex on onprem: block 0 running on n1, job 17",
    ]


def test_a_log_repeats_warnings_and_second_outages():
    down, up = ({"cluster": "c", "state": state} for state in ("down", "resumed"))
    pairs = [("link", down), ("link", up), ("link", down), ("warning", {"text": "a"})]

    lines = announced(*pairs, ("warning", {"text": "a"}))

    assert len(lines) == 5


def test_a_log_shows_progress_now_and_then_and_at_the_end():
    counts = [("progress", {"done": n, "failed": 0, "total": 100}) for n in range(0, 101, 5)]

    assert announced(*counts) == ["0/100 tasks", "50/100 tasks", "100/100 tasks"]
