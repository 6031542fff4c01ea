"""`towline run` as a person has it: on a terminal, with Ctrl-C, and after it was closed."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from towline.runs import RunFolder

from .conftest import alive, event_of, until, wait_for, wait_for_event
from .terminal import CTRL_C, Terminal

READY = "print('ready', flush=True)\n"
WAIT = "import time\nwhile True: time.sleep(60)\n"
STUBBORN = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"


@pytest.fixture
def run(script, tmp_path):
    """Type `towline run SCRIPT`; at the end kill what the test left."""
    terminals = []

    def start(text, *options):
        command = [sys.executable, "-m", "towline", "run", str(script(text)), *options]
        terminals.append(Terminal(command, str(tmp_path)))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()
    for folder in RunFolder.all():
        keeper = folder.keeper()
        if event_of(folder, "ended") is None and keeper is not None and alive(keeper.pid):
            os.kill(keeper.pid, signal.SIGKILL)
        running = event_of(folder, "running")
        if running and alive(running.facts["pid"]):
            os.killpg(running.facts["pid"], signal.SIGKILL)


def test_output_status_and_the_last_words(run, tmp_path):
    terminal = run(
        "from towline.runs import attach\n"
        "import sys\n"
        "attach().report('cluster_connecting', cluster='onprem')\n"
        "print('hello from the script', flush=True)\n"
        "assert sys.stdin.read() == ''\n" + until(tmp_path / "go")
    )
    terminal.wait_for("onprem  connecting")
    (tmp_path / "go").touch()

    assert terminal.wait() == 0
    assert "hello from the script\n" in terminal.raw.replace("\r\n", "\n")
    last = terminal.frames[-1].splitlines()
    assert last[-2].startswith("run 1 succeeded in")
    assert last[-2].endswith("leftovers: none")


def test_no_line_of_the_status_is_wider_than_the_terminal(run, tmp_path):
    terminal = run(
        "from towline.runs import attach\n"
        "attach().report('block', cluster='c' * 70, executor='e' * 70, block=0, state='queued')\n"
        + until(tmp_path / "go")
    )
    terminal.wait_for("eeee")
    (tmp_path / "go").touch()

    assert terminal.wait() == 0
    status = [line for frame in terminal.frames[:-1] for line in frame.splitlines()]
    assert max(map(len, status)) < 80


def test_ctrl_c_cancels_the_run_and_waits_for_the_clean_up(run):
    terminal = run(READY + WAIT)
    terminal.wait_for("ready")
    terminal.type(CTRL_C)

    assert terminal.wait() == 130
    assert "cancelling run 1; the script has 10 s to clean up" in terminal.raw
    assert "run 1 cancelled in" in terminal.frames[-1]
    assert "leftovers: none" in terminal.frames[-1]
    assert event_of(RunFolder.open(1), "ended").facts["state"] == "cancelled"


def test_a_second_ctrl_c_leaves_the_clean_up_to_the_background(run):
    terminal = run(STUBBORN + READY + WAIT)
    terminal.wait_for("ready")
    terminal.type(CTRL_C)
    terminal.wait_for("sent SIGINT")
    terminal.type(CTRL_C)

    assert terminal.wait() == 130
    assert "leaving; run 1 still waits for: sent SIGINT" in terminal.raw
    assert "towline run show 1" in terminal.raw
    folder = RunFolder.open(1)
    assert event_of(folder, "ended") is None
    assert alive(folder.keeper().pid)
    os.killpg(event_of(folder, "running").facts["pid"], signal.SIGKILL)  # not to wait 10 s
    assert wait_for_event(folder, "ended").facts["state"] == "cancelled"


def test_a_run_goes_on_when_its_terminal_is_closed(run, tmp_path):
    terminal = run(READY + until(tmp_path / "go") + "print('done', flush=True)\n")
    terminal.wait_for("ready")
    terminal.hang_up()
    terminal.process.wait(30)
    (tmp_path / "go").touch()

    folder = RunFolder.open(1)
    assert wait_for_event(folder, "ended").facts["state"] == "succeeded"
    assert "done" in folder.stdout_log.read_text()


def test_a_supervisor_that_is_killed_is_noticed_and_cleaned_up_after(run):
    terminal = run(READY + WAIT)
    terminal.wait_for("ready")
    folder = RunFolder.open(1)
    os.kill(folder.keeper().pid, signal.SIGKILL)

    assert terminal.wait() == 6
    assert "run 1 lost in" in terminal.frames[-1]
    assert "supervisor vanished" in terminal.frames[-1]
    wait_for("the script to be gone", lambda: not alive(event_of(folder, "running").facts["pid"]))


def test_a_script_that_is_killed_is_told_so(run):
    terminal = run(READY + WAIT)
    terminal.wait_for("ready")
    os.kill(event_of(RunFolder.open(1), "running").facts["pid"], signal.SIGKILL)

    assert terminal.wait() == 1
    assert "the script was killed by signal 9 (SIGKILL)" in terminal.frames[-1]


def test_a_dumb_terminal_gets_plain_lines(script, tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    command = ["env", "TERM=dumb", sys.executable, "-m", "towline", "run", str(script(READY))]
    terminal = Terminal(command, str(tmp_path))
    try:
        assert terminal.wait() == 0
        assert "\x1b" not in terminal.raw
        assert "towline: run 1 succeeded" in terminal.raw
    finally:
        terminal.close()
