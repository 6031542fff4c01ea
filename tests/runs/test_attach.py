"""A script or notebook finds its run, or makes one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from towline.errors import HostUnreachable
from towline.runs import Leftover, RunFolder, RunState, attach
from towline.runs.cancel import cancel
from towline.runs.catalog import summarise
from towline.runs.folder import VARIABLE

from .conftest import event_of, wait_for, wait_for_event


@pytest.fixture
def hook(monkeypatch):
    """Keep the test's own exception hook."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


def test_under_towline_run_it_is_the_supervisors_run(monkeypatch, hook):
    folder = RunFolder.create("a.py")
    monkeypatch.setenv(VARIABLE, str(folder.path))

    run = attach()
    run.report("warning", text="x")
    run.end()

    assert run.supervised
    assert (run.tag, run.folder.path) == (folder.tag, folder.path)
    assert [event.name for event in folder.events.read()] == ["created", "warning"]


def test_started_by_hand_it_is_a_new_run_that_is_listed_like_any_other():
    run = attach()
    assert not run.supervised
    assert summarise(run.folder).state is RunState.RUNNING

    run.end()
    assert summarise(run.folder).state is RunState.SUCCEEDED
    assert summarise(run.folder).exit_code == 0


def test_a_run_of_a_shell_that_was_deleted_since_does_not_matter(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "7"))

    run = attach()
    run.end()

    assert not run.supervised


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        (ValueError("x"), "failed", 1),
        (HostUnreachable("cluster a", "refused"), "failed", 3),
        (KeyboardInterrupt(), "cancelled", 130),
    ],
)
def test_the_end_of_a_run_of_its_own_says_why(error, state, code):
    run = attach()
    run.end(error)

    end = event_of(run.folder, "ended").facts
    assert (end["state"], end["exit_code"]) == (state, code)


def test_leftovers_of_a_run_of_its_own_are_named():
    run = attach()
    run.end(None, [Leftover("onprem", "job", "17")])

    end = event_of(run.folder, "ended").facts
    assert end["exit_code"] == 6
    assert end["leftovers"][0]["what"] == "17"


def test_a_script_started_by_hand_that_is_killed_is_cleaned_up_like_any_other(script):
    path = script("import os\nfrom towline.runs import attach\nattach()\nos.kill(os.getpid(), 9)")
    subprocess.run([sys.executable, str(path)], check=False)
    folder = RunFolder.open(1)

    assert summarise(folder).state is RunState.LOST
    assert wait_for_event(folder, "ended").facts["state"] == "lost"


def test_cancelling_a_script_started_by_hand_is_its_ctrl_c(script):
    path = script(
        "import time\nfrom towline.runs import attach\nrun = attach()\n"
        "try:\n    time.sleep(600)\nexcept KeyboardInterrupt as error:\n    run.end(error)\n"
    )
    process = subprocess.Popen([sys.executable, str(path)])
    try:
        wait_for("the run", lambda: RunFolder.all() and event_of(RunFolder.all()[0], "running"))
        assert cancel(RunFolder.open(1))
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert event_of(RunFolder.open(1), "ended").facts["state"] == "cancelled"


def test_a_full_disk_loses_an_event_but_not_the_users_work(capsys):
    run = attach()
    run.folder.events.close()
    run.folder.events.path.unlink()
    run.folder.events.path.symlink_to("/dev/full")

    run.report("progress", done=1)

    assert "event progress not recorded: No space left" in capsys.readouterr().err
