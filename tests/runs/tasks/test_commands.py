"""`towline run tasks` and `towline run timeline`, on runs that live, have ended, or were killed."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import sys
from xml.etree import ElementTree as ET

import pytest
from cli.command import Towline, make_towline

from towline.runs import RunFolder
from towline.runs.tasks import TryState, read_tries

from ..conftest import wait_for, wait_for_event
from ..terminal import Terminal
from .rows import end, launch, many, run_with

ROWS = [
    *(launch(0, 100.0), end(0, 101.0, 6.0)),
    *(launch(1, 100.0, "train", "cloud"), end(1, 103.0, 2.0, "failed", error="E", text="no good")),
    launch(2, 100.0),
]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Towline:
    """The command line in this process."""
    return make_towline(monkeypatch, capfd)


def test_a_line_a_try_and_the_counts_on_stderr(command: Towline):
    run_with(ROWS)
    answer = command("run", "tasks", "1")
    lines = [" ".join(line.split()) for line in answer.out.splitlines()]
    assert lines == [
        "task try app state cluster node worker queued ran cpu memory error",
        "0 1 simulate done onprem n1 0/0 1.0 s 6.0 s 3.0 s ≤ 5 MB",
        "1 1 train failed cloud n1 0/0 3.0 s 2.0 s 1.0 s ≤ 5 MB E: no good",
        "2 1 simulate lost onprem the run ended first",
    ]
    assert answer.err == "3 tasks: 1 done, 1 failed, 1 lost\n"


def test_a_live_run_shows_what_is_not_back_yet(command: Towline):
    run_with(ROWS, ended=False)
    assert command("run", "tasks").out.splitlines()[-1].split()[:4] == [
        *("2", "1", "simulate", "launched")
    ]
    assert "1 try is not drawn" in command("run", "timeline").out


@pytest.mark.parametrize(
    ("options", "tasks"),
    [
        (["--app", "train"], ["1"]),
        (["--state", "done", "--state", "lost"], ["0", "2"]),
        (["--cluster", "onprem", "--sort", "ran"], ["0", "2"]),
        (["--sort", "queued"], ["1", "0", "2"]),
        (["--limit", "1"], ["2"]),
        (["--app", "nothing"], []),
    ],
)
def test_json_and_csv_have_what_was_asked_for(command: Towline, options: list[str], tasks: list):
    run_with(ROWS)
    data = command("run", "tasks", "--json", *options).data
    assert [each["task"] for each in data] == tasks
    table = list(csv.DictReader(io.StringIO(command("run", "tasks", "--csv", *options).out)))
    assert [each["task"] for each in table] == tasks
    for row, each in zip(table, data, strict=True):
        assert row == {name: "" if each[name] is None else str(each[name]) for name in each}


def test_an_app_that_the_run_has_not_is_answered_with_those_it_has(command: Towline):
    run_with(ROWS)
    answer = command("run", "tasks", "--app", "trian")
    assert answer.out == "no such tries; the run has apps simulate, train on cloud, onprem\n"


def test_a_summary_for_each_app_on_each_cluster(command: Towline):
    run_with(many(200))
    table = command("run", "tasks", "--summary").out.splitlines()
    assert len(table) == 7
    data = command("run", "tasks", "--summary", "--json").data
    assert sum(row["tasks"] for row in data) == 200
    assert {row["ran_median"] for row in data} == {3.0}


def test_a_table_of_many_tries_is_short_unless_all_are_wanted(command: Towline):
    run_with(many(20_000))
    answer = command("run", "tasks", "1")
    assert len(answer.out.splitlines()) == 51
    assert "50 of 20,000 tries shown, --limit 0 shows all" in answer.err
    assert len(command("run", "tasks", "--csv").out.splitlines()) == 20_001
    assert command("run", "timeline").out.count(" %\n") == 16


def test_runs_without_records_say_why(command: Towline):
    folder = RunFolder.create("/home/ada/multi.py")
    assert "run 1 has no task records: no app was called" in command("run", "tasks").out
    folder.tasks.mkdir()
    assert "run 1 has launched no task" in command("run", "tasks", "--summary").out
    assert command("run", "timeline").out == "nothing to draw yet\n"


def test_show_says_how_long_tasks_queued_and_ran(command: Towline):
    run_with(ROWS)
    shown = command("run", "show").out
    assert "median 2.0 s queued, 4.0 s run, on 2 workers (towline run tasks 1)" in shown


def test_a_timeline_as_svg_goes_to_a_file_or_to_stdout(command: Towline, tmp_path):
    run_with(ROWS)
    answer = command("run", "timeline", "1", "--svg", str(tmp_path / "run.svg"))
    assert (answer.out, answer.err) == ("", f"{tmp_path / 'run.svg'} written\n")
    text = command("run", "timeline", "1", "--svg", "-").out
    assert (tmp_path / "run.svg").read_text() == text
    title = ET.fromstring(text)[0].text  # noqa: S314
    assert title == "Run 1: multi.py (succeeded)"
    wrong = command("run", "timeline", "--svg", str(tmp_path / "no" / "run.svg"))
    assert wrong.exit_code == 6
    assert "cannot be written: No such file or directory" in wrong.err


def test_a_timeline_on_a_terminal_has_its_width(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """And colours, which nothing depends on."""
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.delenv("COLUMNS", raising=False)
    run_with(many(100, 4))
    typed = Terminal([sys.executable, "-m", "towline", "run", "timeline"], str(tmp_path))
    try:
        assert typed.wait(30) == 0
    finally:
        typed.close()
    assert "\x1b[" in typed.raw
    lines = re.sub(r"\x1b\[[\d;]*m", "", typed.raw.replace("\r\n", "\n")).splitlines()
    assert max(len(line) for line in lines) <= 80
    assert sum(line.endswith(" %") for line in lines) == 4


SCRIPT = """
import time
import parsl, towline

def nap(seconds):
    import time
    time.sleep(seconds)

if __name__ == "__main__":
    with towline.load({"a": {"cluster": "local", "tasks_per_node": 2, "cores_per_worker": 0.1}}):
        app = parsl.python_app(nap, executors=["a"])
        app(0.01).result()
        app(600).result()
"""


def test_a_script_killed_with_9_leaves_its_tasks_behind(towline, script):
    """The one that had come back is told as done, the one under way as lost."""
    started = towline("run", "--detach", script(SCRIPT))
    assert started.returncode == 0, started.stderr
    folder = RunFolder.open(1)
    pid = wait_for_event(folder, "running").facts["pid"]

    def states() -> list[TryState]:
        return [each.state for each in read_tries(folder.tasks, over=False)]

    wait_for("rows", lambda: states() == [TryState.DONE, TryState.LAUNCHED], 60)
    os.kill(pid, signal.SIGKILL)
    wait_for_event(folder, "ended")

    data = json.loads(towline("run", "tasks", "1", "--json").stdout)
    assert [(each["state"], each["host"] != "") for each in data] == [
        ("done", True),
        ("lost", False),
    ]
