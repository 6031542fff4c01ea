"""Rows of tasks are written in batches, readable by others at once, and outlive what goes wrong."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from towline.runs.tasks import TaskStore, TryState, read_tries, store

from ..conftest import wait_for
from .rows import end, launch

Told = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def writing(tmp_path: Path, told: Told):
    made = TaskStore(tmp_path / "tasks", lambda event, **facts: told.append((event, facts)))
    yield made
    made.close()


def rows_in(folder: Path) -> list[dict[str, Any]]:
    lines = [line for file in sorted(folder.glob("*")) for line in file.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def test_rows_are_there_for_others_soon_and_in_order(writing: TaskStore, tmp_path: Path):
    for number in range(12_000):
        writing.append({"time": 1.0, "task": number})
    wait_for("12,000 rows", lambda: len(rows_in(tmp_path / "tasks")) == 12_000)
    assert [row["task"] for row in rows_in(tmp_path / "tasks")] == list(range(12_000))


def test_closing_writes_what_is_left_and_says_so(writing: TaskStore, tmp_path: Path):
    writing.append({"time": 1.0, "task": 1})
    writing.close()
    writing.close()
    assert [row.get("closed", False) for row in rows_in(tmp_path / "tasks")] == [False, True]


def test_nothing_is_made_for_a_run_without_tasks(writing: TaskStore, tmp_path: Path):
    writing.flush()
    writing.close()
    assert not (tmp_path / "tasks").exists()


def test_only_its_owner_may_read_it(writing: TaskStore, tmp_path: Path):
    writing.append({"time": 1.0})
    writing.flush()
    modes = [path.stat().st_mode for path in (tmp_path / "tasks", tmp_path / "tasks" / "1.jsonl")]
    assert [stat.S_IMODE(mode) for mode in modes] == [0o700, 0o600]


def test_each_load_has_a_file_and_its_tasks_have_names_of_their_own(tmp_path: Path):
    for _ in range(2):
        one = TaskStore(tmp_path / "tasks", print)
        one.append(launch(0, 100.0))
        one.append(end(0, 101.0, 1.0))
        one.close()
    assert [each.task for each in read_tries(tmp_path / "tasks", over=True)] == ["0", "2:0"]


def test_a_full_disk_is_told_once_and_loses_nothing(
    writing: TaskStore, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Half a batch is taken back: a line in the middle of the file must not be torn."""
    writing.append({"time": 1.0, "task": 1})
    writing.flush()
    real = os.write

    def half(descriptor: int, data: bytes) -> int:
        return real(descriptor, data[: len(data) // 2])

    def none(descriptor: int, data: bytes) -> int:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    for number, broken in enumerate((half, none), 2):
        monkeypatch.setattr(store.os, "write", broken)
        writing.append({"time": 1.0, "task": number})
        writing.flush()
        assert [row["task"] for row in rows_in(tmp_path / "tasks")] == list(range(1, number))
        monkeypatch.setattr(store.os, "write", real)
        writing.flush()
    assert [row["task"] for row in rows_in(tmp_path / "tasks")] == [1, 2, 3]
    assert [event for event, _ in told] == ["warning"]
    assert "they go on" in told[0][1]["text"]


def test_a_fork_of_the_script_writes_nothing(writing: TaskStore, tmp_path: Path):
    writing.append({"time": 1.0, "task": 1})
    child = os.fork()
    if child == 0:
        writing.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    writing.close()
    assert len(rows_in(tmp_path / "tasks")) == 2


KILLED = """
import sys, time
from pathlib import Path
from towline.runs.tasks import TaskStore
store = TaskStore(Path(sys.argv[1]), print)
store.append({"time": 1.0, "task": 0, "state": "launched"})
store.append({"time": 2.0, "task": 0, "state": "done"})
store.append({"time": 3.0, "task": 1, "state": "launched"})
time.sleep(600)
"""


def test_kill_9_leaves_what_was_written(tmp_path: Path):
    process = subprocess.Popen([sys.executable, "-c", KILLED, tmp_path / "tasks"])
    try:
        wait_for("rows", lambda: len(read_tries(tmp_path / "tasks", over=False)) == 2)
    finally:
        process.kill()
        process.wait()
    states = [each.state for each in read_tries(tmp_path / "tasks", over=True)]
    assert states == [TryState.DONE, TryState.LOST]
