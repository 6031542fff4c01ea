"""A supervisor that is killed: its script dies with it, and whoever looks next cleans up."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys

import pytest

from towline.errors import RunError
from towline.runs import RunFolder, RunState
from towline.runs.cancel import cancel
from towline.runs.catalog import picture, summarise
from towline.runs.liveness import keeper_vanished
from towline.runs.process import ProcessIdentity
from towline.runs.watch import wait_for_end

from .conftest import alive, event_of, pid_in, wait_for, wait_for_event, wait_for_output

READY = "print('ready', flush=True)\n"
WAIT = "import time\nwhile True: time.sleep(60)\n"


@pytest.fixture
def orphan(script, supervise):
    """Run a script until an event, then kill its supervisor with signal 9."""

    def make(text, *argv, until="running", sweep="clean"):
        folder = RunFolder.create(script(text), argv)
        process = supervise(folder, sweep)
        if until == "ready":
            wait_for_output(folder, "ready")
        else:
            wait_for_event(folder, until)
        process.kill()
        process.wait()
        return folder

    return make


@pytest.fixture
def reap(supervise):
    """Reap a run with little patience and a fake sweep; return the facts of its end."""

    def run(folder, sweep="clean"):
        supervise(folder, sweep, "--reap").wait()
        event = event_of(folder, "ended")
        assert event is not None
        return event.facts

    return run


def script_of(folder):
    return int(event_of(folder, "running").facts["pid"])


def test_the_script_dies_with_its_supervisor(orphan):
    folder = orphan(READY + WAIT, until="ready")

    wait_for("the script to die", lambda: not alive(script_of(folder)))


def test_a_run_without_its_supervisor_ends_as_lost(orphan, reap):
    folder = orphan(READY + WAIT, until="ready")
    killed = folder.keeper().pid

    end = reap(folder)

    assert (end["state"], end["exit_code"], end["leftovers"]) == ("lost", 6, [])
    assert end["reason"] == f"the run's supervisor vanished: pid {killed} was killed"
    assert not alive(script_of(folder))


def test_a_script_that_ignores_its_supervisors_death_is_ended_by_the_reaper(orphan, reap):
    ignore = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    folder = orphan(ignore + READY + WAIT, until="ready")
    assert alive(script_of(folder))

    assert reap(folder)["state"] == "lost"
    assert not alive(script_of(folder))


def test_daemons_of_the_script_are_found_by_their_mark(orphan, reap, tmp_path):
    folder = orphan(
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    open(sys.argv[1], 'w').write(f'{os.getpid()}\\n')\n"
        "    time.sleep(600)\n"
        "while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n" + READY + WAIT,
        str(tmp_path / "pid"),
        until="ready",
    )
    daemon = pid_in(tmp_path / "pid")
    assert alive(daemon)

    reap(folder)
    assert not alive(daemon)


def test_a_supervisor_killed_while_it_cleans_up_is_continued(orphan, reap):
    folder = orphan(
        "from towline.runs import attach\nattach().ledger.intend('job', 'onprem')\n",
        until="cleanup",
        sweep="hangs",
    )

    end = reap(folder)

    assert end["state"] == "lost"
    assert "after the script ended with exit code 0" in end["reason"]
    assert folder.ledger.open_entries() == []


def test_a_supervisor_killed_while_it_cancels_is_continued(script, supervise, reap):
    text = "import signal\nfor n in (2, 15): signal.signal(n, signal.SIG_IGN)\n" + READY + WAIT
    folder = RunFolder.create(script(text))
    process = supervise(folder)
    wait_for_output(folder, "ready")
    process.send_signal(signal.SIGTERM)
    wait_for_event(folder, "cancelling")
    process.kill()
    process.wait()

    assert reap(folder)["state"] == "lost"
    assert not alive(script_of(folder))


def test_a_reaper_that_is_killed_is_continued_by_the_next(orphan, supervise, reap):
    folder = orphan(
        "from towline.runs import attach\nattach().ledger.intend('job', 'onprem')\n" + READY + WAIT,
        until="ready",
    )
    first = supervise(folder, "hangs", "--reap")
    wait_for_event(folder, "cleanup")
    first.kill()
    first.wait()

    assert reap(folder)["state"] == "lost"
    assert folder.ledger.open_entries() == []


def test_a_run_whose_creator_died_before_it_had_a_supervisor_ends_as_lost(tmp_path, reap):
    code = "from towline.runs import RunFolder; RunFolder.create('a.py')"
    subprocess.run([sys.executable, "-c", code], check=True)
    folder = RunFolder.open(1)
    assert keeper_vanished(folder)

    assert reap(folder)["state"] == "lost"


def test_a_supervisor_that_comes_after_the_reaper_does_not_start_the_script(script, reap):
    folder = RunFolder.create(script(READY))
    reap(folder)
    subprocess.run(
        [sys.executable, "-m", "towline.runs.supervisor", str(folder.path)], check=True, timeout=60
    )

    assert event_of(folder, "running") is None


def test_showing_or_listing_an_orphan_sets_its_cleaning_in_motion(orphan):
    folder = orphan(READY + WAIT, until="ready")

    assert summarise(folder).state is RunState.LOST
    assert wait_for_event(folder, "ended").facts["state"] == "lost"
    assert picture(folder).state is RunState.LOST


def test_an_orphan_is_lost_also_while_it_is_cleaned_up(script):
    """`list` and `show` say so, whoever of them comes first; nothing is said of leftovers yet."""
    folder = RunFolder.create(script(READY))
    folder.keep()  # as who cleans up does; this test lives as long as it looks
    folder.events.append("starting", pid=1)
    folder.events.append("running", pid=1)
    assert summarise(folder).state is picture(folder).state is RunState.RUNNING
    folder.events.append("reaping", pid=os.getpid(), gone=1)

    assert summarise(folder).state is picture(folder).state is RunState.LOST
    assert "cleaning up after it now" in summarise(folder).reason
    assert summarise(folder).reason == picture(folder).reason
    assert picture(folder).leftovers is None


def test_following_the_logs_of_an_orphan_ends_with_its_clean_up(orphan, towline):
    folder = orphan(READY + WAIT, until="ready")

    done = towline("run", "logs", "-f")

    assert (done.returncode, done.stdout) == (0, "ready\n")
    assert event_of(folder, "ended").facts["state"] == "lost"


def test_a_clean_up_that_nobody_gets_done_is_said(orphan, towline, monkeypatch):
    folder = orphan(READY + WAIT, until="ready")
    monkeypatch.setattr("towline.runs.watch.ALIVE_SECONDS", 0.0)
    folder.keeper_lock.unlink()
    folder.keeper_lock.mkdir()

    with pytest.raises(RunError, match="it cannot be cleaned up"):
        wait_for_end(folder)


def test_many_who_notice_at_once_reap_once(orphan):
    folder = orphan(READY + WAIT, until="ready")
    for _ in range(3):
        picture(folder)
    wait_for_event(folder, "ended")
    wait_for("the lock to be free", lambda: keeper_vanished(folder))

    names = [event.name for event in folder.events.read()]
    assert (names.count("reaping"), names.count("ended")) == (1, 1)


def test_cancelling_an_orphan_cleans_it_up(orphan):
    folder = orphan(READY + WAIT, until="ready")

    assert cancel(folder)
    assert wait_for_event(folder, "ended").facts["state"] == "lost"
    assert not cancel(folder)


def elsewhere(folder, **facts):
    identity = dataclasses.replace(ProcessIdentity.own(), pid=999_999, **facts)
    folder.supervisor_json.write_text(json.dumps(identity.as_dict()))


def test_a_run_on_another_machine_is_neither_lost_nor_touched(script):
    """The home folder may be shared: that we do not see its process says nothing."""
    folder = RunFolder.create(script(WAIT))
    folder.events.append("starting")
    elsewhere(folder, host="another")

    assert summarise(folder).state is RunState.STARTING
    assert not keeper_vanished(folder)
    with pytest.raises(RunError, match="on another, out of reach"):
        cancel(folder)


def test_in_another_container_of_this_machine_the_lock_tells(script):
    folder = RunFolder.create(script(WAIT))
    elsewhere(folder, space="pid:[1]")
    assert keeper_vanished(folder)

    held = os.open(folder.keeper_lock, os.O_RDWR)
    try:
        import fcntl

        fcntl.flock(held, fcntl.LOCK_EX)
        assert not keeper_vanished(folder)
    finally:
        os.close(held)


def test_after_a_restart_of_the_machine_the_reason_says_so(script, reap):
    folder = RunFolder.create(script(WAIT))
    elsewhere(folder, boot="before")

    assert reap(folder)["reason"].endswith("the machine was restarted")
