"""How a run ends: verdict, reason, and the sweep of the clusters."""

from __future__ import annotations

import signal

import pytest

from towline.runs import Leftover, RunFolder, RunState
from towline.runs.ending import judge, last_exception, sweep_clusters, tail_of
from towline.runs.script import Outcome

FINE = Outcome(exit_code=0)
LEFT = [Leftover("onprem", "job", "17")]


def ending(outcome, **facts):
    usual = {"cancelled": False, "error": None, "exception": None, "disk_full": False}
    return judge(outcome, **{**usual, "leftovers": [], **facts})


def test_a_script_that_returns_0_has_succeeded():
    end = ending(FINE)

    assert (end.state, end.exit_code, end.reason) == (RunState.SUCCEEDED, 0, "")


def test_success_that_leaves_something_is_told_by_its_exit_code():
    end = ending(FINE, leftovers=LEFT)

    assert (end.state, end.exit_code) == (RunState.SUCCEEDED, 6)
    assert end.reason.endswith("something remains: job 17 on onprem")


@pytest.mark.parametrize("code", [1, 2, 3, 130, 255])
def test_any_other_exit_code_of_the_script_is_a_failure_of_the_script(code):
    end = ending(Outcome(exit_code=code))

    assert (end.state, end.exit_code) == (RunState.FAILED, 1)
    assert end.reason == f"the script ended with exit code {code}"


def test_a_signal_is_named():
    end = ending(Outcome(signal=signal.SIGKILL))

    assert end.reason == "the script was killed by signal 9 (SIGKILL)"


def test_an_exception_is_the_reason_when_there_is_one():
    assert ending(Outcome(exit_code=1), exception="ValueError: x").reason.startswith(
        "ValueError: x"
    )


def test_an_error_of_towlines_own_brings_its_words_and_its_exit_code():
    error = {"thing": "cluster onprem", "cause": "connection refused", "exit_code": 3}
    end = ending(Outcome(exit_code=1), error=error)

    assert (end.exit_code, end.reason) == (3, "cluster onprem: connection refused")


def test_an_error_that_the_script_got_over_does_not_count():
    assert ending(FINE, error={"exit_code": 3}).exit_code == 0


def test_whoever_was_asked_to_end_is_cancelled_whatever_it_returned():
    for outcome in (FINE, Outcome(exit_code=1), Outcome(signal=signal.SIGINT)):
        end = ending(outcome, cancelled=True)
        assert (end.state, end.exit_code) == (RunState.CANCELLED, 130)


def test_a_full_disk_is_named_when_the_script_failed():
    end = ending(Outcome(exit_code=1), disk_full=True)

    assert end.reason.endswith("the disk that holds the run folder is full")


def test_the_last_exception_is_read_from_the_end_of_stderr():
    text = (
        "Traceback (most recent call last):\n  File x\nKeyError: 1\n\n"
        "During handling …\n\nTraceback (most recent call last):\n  File y\n    z\n    ^\n"
        "mymodule.MyError: so what\nmore of it\nlogging: bye\n"
    )

    assert last_exception(text) == "mymodule.MyError: so what"
    assert last_exception("no traceback\n") is None


def test_the_marks_below_a_line_of_a_workers_traceback_are_no_exception():
    text = (
        "Traceback (most recent call last):\n  File x, in result\n    return func()\n"
        "^^^^^~~^^^^\n  File y, in f\n    1/0\n    ~^~\nZeroDivisionError: division by zero\n"
    )

    assert last_exception(text) == "ZeroDivisionError: division by zero"


def test_the_tail_of_a_missing_file_is_empty(tmp_path):
    assert tail_of(tmp_path / "none") == ""


@pytest.fixture
def folder():
    made = RunFolder.create("a.py")
    made.ledger.intend("job", "onprem", job_id="17")
    return made


def test_a_cluster_is_swept_again_until_nothing_remains(folder):
    tries = []

    def sweep(ledger, tag, blocks, report):
        tries.append(tag)
        if len(tries) < 3:
            return LEFT
        for entry in ledger.open_entries():
            ledger.removed(entry.id)
        return []

    assert sweep_clusters(folder, sweep, folder.events.append, (0, 0.001, 0.001, 0.001)) == []
    assert tries == [folder.tag] * 3
    texts = [event.facts["text"] for event in folder.events.read() if event.name == "cleanup"]
    assert texts == ["job 17 on onprem; trying again in 0 s"] * 2


def test_what_cannot_be_swept_may_remain(folder):
    def sweep(ledger, tag, blocks, report):
        raise OSError("no route to host")

    (left,) = sweep_clusters(folder, sweep, folder.events.append, (0,))

    assert (left.cluster, left.kind) == ("onprem", "job")
    assert "not observed: OSError: no route to host" in str(left)


def test_a_balanced_ledger_needs_no_cluster_to_be_asked():
    folder = RunFolder.create("a.py")

    def sweep(ledger, tag, blocks, report):
        raise AssertionError("asked")

    assert sweep_clusters(folder, sweep, folder.events.append) == []
