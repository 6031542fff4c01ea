"""Run folders: numbers, tags, privacy, what was asked."""

from __future__ import annotations

import errno
import re
import subprocess
import sys
from pathlib import Path

import pytest

from towline.errors import RunError, RunNotFound
from towline.runs import RunFolder, runs_folder


def test_runs_are_numbered_from_one():
    assert [RunFolder.create("a.py").number for _ in range(3)] == [1, 2, 3]


def test_a_folder_remembers_what_was_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = RunFolder.create(
        "a.py", ["--n", "5"], executors=Path("ex.json"), clusters={"one": "onprem"}
    )

    asked = RunFolder.open(made.number).asked

    assert asked.script == str(tmp_path / "a.py")
    assert asked.argv == ["--n", "5"]
    assert asked.executors == str(tmp_path / "ex.json")
    assert asked.clusters == {"one": "onprem"}
    assert asked.cwd == str(tmp_path)
    assert asked.python == sys.executable


def test_the_tag_is_the_number_and_eight_random_hex_digits():
    tags = [RunFolder.create("a.py").tag for _ in range(2)]

    assert re.fullmatch(r"r1-[0-9a-f]{8}", tags[0])
    assert tags[0][-8:] != tags[1][-8:]


def test_a_run_is_found_by_number_tag_or_folder():
    made = RunFolder.create("a.py")

    for which in (1, "1", made.tag, made.path, str(made.path)):
        assert RunFolder.open(which).path == made.path


@pytest.mark.parametrize("which", [7, "7", "last", "", "../etc", "/etc", "-1"])
def test_what_is_no_run_is_not_found(which):
    RunFolder.create("a.py")

    with pytest.raises(RunNotFound):
        RunFolder.open(which)


def test_only_the_owner_can_look_into_a_run():
    made = RunFolder.create("a.py")

    assert made.path.stat().st_mode & 0o077 == 0
    assert made.run_json.stat().st_mode & 0o077 == 0


def test_all_runs_come_newest_first_and_foreign_folders_are_passed_over():
    for _ in range(11):
        RunFolder.create("a.py")
    (runs_folder() / "notes").mkdir()
    (runs_folder() / "99").mkdir()  # a run whose folder was just made

    assert [run.number for run in RunFolder.all()] == list(range(11, 0, -1))


def test_no_runs_is_an_empty_list():
    assert RunFolder.all() == []


def test_a_number_is_given_once_even_when_many_ask_at_the_same_time():
    code = (
        "from towline.runs import RunFolder\nfor _ in range(20): print(RunFolder.create('a').tag)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    tags = [tag for process in processes for tag in process.communicate()[0].split()]

    assert sorted(int(tag[1:].partition("-")[0]) for tag in tags) == list(range(1, 81))
    assert len(RunFolder.all()) == 80


def test_a_home_that_cannot_be_written_is_said_in_words(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "file"))

    with pytest.raises(RunError, match="cannot be made: Not a directory"):
        RunFolder.create("a.py")


def test_nothing_stays_of_a_run_whose_record_cannot_be_written(monkeypatch):
    def full(path, text):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("towline.runs.folder.write_whole", full)
    with pytest.raises(RunError, match="cannot be made: No space left"):
        RunFolder.create("a.py")
    assert list(runs_folder().iterdir()) == []


def test_a_broken_record_is_said_in_words():
    made = RunFolder.create("a.py")
    made.run_json.write_text("{")

    with pytest.raises(RunError, match=r"run\.json cannot be read"):
        _ = RunFolder.open(1).asked


def test_a_run_has_no_keeper_until_one_says_so():
    made = RunFolder.create("a.py")
    assert made.keeper() is None

    made.keep()

    keeper = made.keeper()
    assert keeper is not None
    assert keeper.pid > 0
