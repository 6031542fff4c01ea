"""Lists of runs: fast, in order, and never stopped by a broken one."""

from __future__ import annotations

import errno
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from towline.errors import LeftoversRemain, RunError, RunNotFound
from towline.runs import RunFolder, RunState, events
from towline.runs.catalog import block_files, newest, picture, summaries, summarise
from towline.runs.deleting import delete
from towline.runs.folder import runs_folder


def ended(state="succeeded", code=0, **facts):
    folder = RunFolder.create("demo.py", ["--n", "1"])
    folder.events.append("starting")
    folder.events.append("running", pid=1)
    counts = {"done": 12, "failed": 1, "total": 30}
    usual = {"reason": "", "seconds": 1.5, "tasks": counts, "clusters": ["onprem"]}
    folder.events.append("ended", state=state, exit_code=code, **{**usual, **facts})
    return folder


def test_an_ended_run_in_a_line():
    summary = summarise(ended())

    assert (summary.number, summary.state, summary.seconds) == (1, RunState.SUCCEEDED, 1.5)
    assert (summary.tasks, summary.clusters) == ("12/30 (1 failed)", ["onprem"])


def test_a_run_under_way_in_a_line():
    folder = RunFolder.create("demo.py")
    folder.keep()
    folder.events.append("starting")
    folder.events.append("running", pid=1)
    folder.events.append("progress", done=1, failed=0, total=2)

    summary = summarise(folder)

    assert (summary.state, summary.tasks, summary.seconds) == (RunState.RUNNING, "1/2", None)


def test_of_a_hundred_ended_runs_with_long_records_only_the_ends_are_read(monkeypatch):
    line = b'{"time":1,"event":"progress","padding":"' + b"x" * 1000 + b'"}\n'
    for _ in range(100):
        log = ended().events.path
        log.write_bytes(line * 1000 + log.read_bytes().splitlines(keepends=True)[-1])
    read = 0
    original = events.parse_line

    def count(line):
        nonlocal read
        read += len(line)
        return original(line)

    monkeypatch.setattr(events, "parse_line", count)

    assert len(summaries(RunFolder.all())) == 100
    assert read <= 100 * 4096


def test_runs_are_chosen_by_state_and_number():
    for state in ("succeeded", "failed", "succeeded"):
        ended(state)

    found = summaries(RunFolder.all(), [RunState.SUCCEEDED])
    assert [summary.number for summary in found] == [3, 1]
    assert [summary.number for summary in summaries(RunFolder.all(), limit=2)] == [3, 2]


def test_a_broken_run_does_not_hide_the_others():
    ended().run_json.write_text("{")
    ended().events.path.write_bytes(b"\0\0\n{")
    ended(state="transcended")
    ended()

    numbers = [summary.number for summary in summaries(RunFolder.all())]
    assert (numbers[0], 1 in numbers) == (4, False)


def test_a_clock_that_went_backwards_does_not_change_the_order_or_the_result(monkeypatch):
    ended()
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    folder = ended("failed", 1)

    assert [summary.number for summary in summaries(RunFolder.all())] == [2, 1]
    assert picture(folder).state is RunState.FAILED


def test_the_newest_run():
    with pytest.raises(RunError, match="there is none yet"):
        newest()
    ended()
    ended()

    assert newest().number == 2


def test_files_of_a_block_are_found_by_any_part_of_their_path():
    folder = ended()
    for name in ("onprem/logs/block-0/manager.log", "ex.0.stdout", "other.0.stdout"):
        path = folder.blocks / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)

    assert [p.name for p in block_files(folder, "ex.0")] == ["ex.0.stdout"]
    assert [p.name for p in block_files(folder, "onprem")] == ["manager.log"]
    assert len(block_files(folder, "")) == 3
    assert block_files(folder, "nothing") == []


def test_a_deleted_run_is_gone_and_its_number_is_not_given_again():
    folder = ended()

    delete(folder)

    assert not folder.path.exists()
    with pytest.raises(RunNotFound):
        RunFolder.open(1)
    assert RunFolder.create("a.py").number == 2


def test_a_deletion_that_was_cut_short_is_finished_by_the_next():
    first, second = ended(), ended()
    first.path.rename(first.path.with_name(".deleting-1"))

    delete(second)

    assert sorted(path.name for path in runs_folder().iterdir()) == ["highest-number"]
    assert RunFolder.create("a.py").number == 3


def test_of_many_who_delete_a_run_at_once_one_does_and_the_others_find_none():
    folder = ended()

    def deleted(_: int) -> str:
        try:
            delete(RunFolder(folder.path))
        except RunError as error:
            return type(error).__name__
        return "deleted"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(deleted, range(8))) == ["RunNotFound"] * 7 + ["deleted"]


def test_a_number_is_kept_while_its_run_is_being_deleted():
    folder = ended()
    folder.path.rename(folder.path.with_name(".deleting-1"))

    assert RunFolder.create("a.py").number == 2


def test_a_run_can_be_deleted_on_a_full_disk(monkeypatch):
    """Its own files are what makes room to write down that its number is taken."""
    folder = ended()
    (folder.path / "large").write_text("x")
    remember = RunFolder.remember_number

    def full(number: int) -> None:
        if [path for path in runs_folder().rglob("*") if path.is_file()]:
            raise OSError(errno.ENOSPC, "No space left on device")
        remember(number)

    monkeypatch.setattr(RunFolder, "remember_number", full)
    delete(folder)

    assert RunFolder.create("a.py").number == 2


def test_a_run_that_has_not_ended_is_not_deleted():
    folder = RunFolder.create("a.py")

    with pytest.raises(RunError, match="has not ended"):
        delete(folder)


def test_a_run_that_may_have_left_something_is_deleted_only_on_demand():
    folder = ended()
    folder.ledger.intend("job", "onprem")

    with pytest.raises(LeftoversRemain, match="may remain: job on onprem"):
        delete(folder)
    delete(folder, forget_leftovers=True)

    assert not folder.path.exists()
