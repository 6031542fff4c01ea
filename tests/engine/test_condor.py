"""HTCondor's answers, as 23.9.6 gave them, and what becomes of them."""

from __future__ import annotations

import pytest
from parsl.jobs.states import JobState

from towline.engine.blocks import BlockState
from towline.engine.scheduler import NotObserved
from towline.engine.schedulers.condor import Condor

condor = Condor()
NAME = "tl.r1-00000000.a.0.1"


def in_queue(status: str, hold: str = "undefined", why: str = "undefined") -> str:
    row = ["2", "0", status, hold, "slot1_1@condor-n1", NAME, why]
    return "\t".join(row) + "\n@@end\n"


def left(status: str, code: str, by_signal: str, signal: str, why: str) -> str:
    row = ["2", "0", status, code, by_signal, signal, "slot1_1@condor-n2", NAME, why]
    return "\t".join(row) + "\n@@end\n"


@pytest.mark.parametrize(
    ("status", "hold", "state", "outcome", "stuck"),
    [
        ("1", "undefined", BlockState.QUEUED, None, False),
        ("2", "undefined", BlockState.RUNNING, None, False),
        ("3", "undefined", None, None, False),
        ("4", "undefined", None, None, False),
        ("5", "1", BlockState.QUEUED, None, False),
        ("5", "16", BlockState.QUEUED, None, False),
        ("5", "46", BlockState.ENDED, JobState.TIMEOUT, True),
        ("5", "47", BlockState.ENDED, JobState.TIMEOUT, True),
        ("5", "34", BlockState.ENDED, JobState.FAILED, True),
        ("6", "undefined", BlockState.RUNNING, None, False),
        ("7", "undefined", BlockState.RUNNING, None, False),
        ("9", "undefined", None, None, False),
    ],
)
def test_every_status_is_known(
    status: str, hold: str, state: BlockState | None, outcome: JobState | None, stuck: bool
) -> None:
    """Held by somebody is waiting; held by an error is the end, and still to be removed."""
    (job,) = condor.read_list(in_queue(status, hold, "The job exceeded its memory"))
    assert (job.state, job.outcome, job.stuck) == (state, outcome, stuck)
    assert (job.job_id, job.job_name, job.is_there) == ("2.0", NAME, True)
    if status == "5":
        assert "The job exceeded its memory" in job.reason


@pytest.mark.parametrize(
    ("row", "outcome", "words"),
    [
        (left("4", "0", "false", "undefined", "undefined"), JobState.COMPLETED, "completed"),
        (left("4", "96", "false", "undefined", "undefined"), JobState.FAILED, "exit code 96"),
        (left("4", "undefined", "true", "9", "undefined"), JobState.FAILED, "signal 9"),
        (left("3", "undefined", "true", "undefined", "via condor_rm (by user carl)"),
         JobState.CANCELLED, "via condor_rm (by user carl)"),
        (left("3", "undefined", "false", "undefined",
              "The job attribute PeriodicRemove expression '…' evaluated to TRUE"),
         JobState.TIMEOUT, "time limit"),
    ],
)  # fmt: skip
def test_the_history_says_how_a_job_ended(row: str, outcome: JobState, words: str) -> None:
    """Status, exit code, signal and why it was removed, each where it counts."""
    (job,) = condor.read_detail(row)
    assert (job.state, job.outcome, job.nodes) == (BlockState.ENDED, outcome, "condor-n2")
    assert words in job.reason


def test_silence_is_not_an_empty_queue() -> None:
    """A listing that breaks off says nothing about jobs."""
    assert condor.read_list("@@end\n") == []
    for read in (condor.read_list, condor.read_detail):
        with pytest.raises(NotObserved):
            read("@@failed\n")


@pytest.mark.parametrize(
    ("words", "certain", "transient"),
    [
        ("ERROR: Failed to commit job submission into the queue.", 0, 1),
        ("ERROR: Can't find address of local schedd", 1, 1),
        ("ERROR: Failed to connect to local queue manager\nAUTHENTICATE:1003:failed", 1, 1),
        ("ERROR: Number of submitted jobs would exceed MAX_JOBS_PER_OWNER", 1, 1),
        ("ERROR: on Line 3 of submit file: Parse error in expression", 1, 0),
        ("", 1, 0),
    ],
)
def test_a_refusal_is_final_passing_or_in_doubt(words: str, certain: int, transient: int) -> None:
    """Only what may have made a job is looked for; only what may pass is tried again."""
    refusal = condor.read_refusal(words)
    assert (refusal.certain, refusal.transient) == (bool(certain), bool(transient))
    assert refusal.words
