"""Grid Engine's answers, as 8.1.9 gave them, and what becomes of them."""

from __future__ import annotations

import pytest
from parsl.jobs.states import JobState

from towline.clusters import ClusterFacts
from towline.engine.blocks import BlockState
from towline.engine.scheduler import NotObserved
from towline.engine.schedulers.gridengine import GridEngine

gridengine = GridEngine()
NAME = "tl.r1-00000000.a.0.1"

QUEUED, RUNNING, ENDED = BlockState.QUEUED, BlockState.RUNNING, BlockState.ENDED

STATES = {
    **dict.fromkeys(("qw", "hqw", "hRwq", "Rq", "qw"), QUEUED),
    **dict.fromkeys(("r", "t", "Rr", "Rt", "hr"), RUNNING),
    **dict.fromkeys(("s", "ts", "S", "tS", "T", "tT", "Rs", "Rts", "RS", "RT"), RUNNING),
    **dict.fromkeys(("Eqw", "Ehqw", "EhRqw"), ENDED),
    **dict.fromkeys(("dr", "dt", "dRr", "dRt", "ds", "dS", "dT", "dRs", "dRT"), RUNNING),
    "dqw": QUEUED,
}
"""Every state of qstat(1), and those put together."""

RECORD = """\
==============================================================
qname        compute
hostname     sge-n2
owner        grace
jobname      {name}
jobnumber    7
taskid       undefined
failed       {failed}
exit_status  {code}
ru_wallclock {seconds}s
cpu          0.008s
category     -l h_rt=60
"""


def listing(*rows: str) -> str:
    return "\n".join([*rows, "@@end", ""])


def record(failed: str, code: str, seconds: int = 3) -> str:
    return RECORD.format(name=NAME, failed=failed, code=code, seconds=seconds)


@pytest.mark.parametrize(("state", "meaning"), STATES.items())
def test_every_state_is_known(state: str, meaning: BlockState) -> None:
    """Parsl's own table counts starting and suspended jobs as failed; they are alive."""
    (job,) = gridengine.read_list(listing(f"7|{state}|compute@sge-n1|{NAME}"))
    assert job.state is meaning
    assert job.is_there
    assert (job.job_id, job.job_name, job.nodes) == ("7", NAME, "sge-n1")


def test_a_job_in_error_state_has_failed_and_is_still_to_be_deleted() -> None:
    """It would wait for ever for somebody to clear the error; the reason is qstat's."""
    why = 'can\'t open output file "/nonexistent/x": No such file or directory'
    (job,) = gridengine.read_list(listing(f"@@why|3|{why}", f"3|Eqw||{NAME}"))
    assert (job.state, job.outcome, job.stuck) == (ENDED, JobState.FAILED, True)
    assert why in job.reason


def test_an_unknown_state_is_no_news() -> None:
    """A letter of a newer version neither ends nor starts a block."""
    (job,) = gridengine.read_list(listing(f"7|X||{NAME}"))
    assert job.state is None


def test_silence_is_not_an_empty_queue() -> None:
    """A listing that breaks off says nothing about jobs."""
    with pytest.raises(NotObserved):
        gridengine.read_list("@@failed\n")
    with pytest.raises(NotObserved):
        gridengine.read_detail("error: unable to contact qmaster")


@pytest.mark.parametrize(
    ("failed", "code", "seconds", "outcome", "words"),
    [
        ("0", "0", 3, JobState.COMPLETED, "completed"),
        ("0", "97", 3, JobState.FAILED, "exit code 97"),
        ("100 : assumedly after job", "137 (Killed)", 60, JobState.TIMEOUT, "time limit"),
        ("100 : assumedly after job", "137 (Killed)", 3, JobState.FAILED, "assumedly after job"),
        ("37  : qmaster enforced h_rt limit", "137", 61, JobState.TIMEOUT, "time limit"),
        ("26  : opening input/output file", "0", 0, None, ""),
        ("7   : before prolog", "0", 0, JobState.FAILED, "failed 7: before prolog"),
    ],
)
def test_the_accounting_file_says_how_a_job_ended(
    failed: str, code: str, seconds: int, outcome: JobState | None, words: str
) -> None:
    """Code and signal alone do not tell a time limit from a deletion; the run time does."""
    jobs = gridengine.read_detail(record(failed, code, seconds) + "@@end\n")
    assert [job.outcome for job in jobs] == ([outcome] if outcome else [])
    assert all(words in job.reason for job in jobs)


def test_of_a_job_that_ran_twice_the_last_record_counts() -> None:
    """A record is written when a lost node's job goes back to the queue, too."""
    (job,) = gridengine.read_detail(record("25  : rescheduling", "0") + record("0", "0") + "@@end")
    assert job.outcome is JobState.COMPLETED


def test_an_unknown_job_is_not_in_the_answer() -> None:
    """Before the file is written, qacct knows nothing of a job."""
    assert gridengine.read_detail("error: job id 7 not found\n@@end\n") == []


@pytest.mark.parametrize(
    ("words", "certain", "transient"),
    [
        (
            'Unable to run job: Job was rejected because job requests unknown queue "x"\nExiting.',
            1,
            0,
        ),
        ('Unable to run job: unknown resource "nosuch"\nExiting.', 1, 0),
        ('Unable to run job: job rejected: the requested project "x" does not exist', 1, 0),
        ("error: commlib error: got select error (Connection refused)", 1, 1),
        ('unable to send message to qmaster using port 6444 on host "x": got send error', 1, 1),
        ("error: failed receiving gdi request response for mid=1 (can't find connection).", 0, 1),
        ("job rejected: Only 5 jobs are allowed per user (current job count: 5)", 1, 1),
        ("", 1, 0),
    ],
)
def test_a_refusal_is_final_passing_or_in_doubt(words: str, certain: int, transient: int) -> None:
    """Only what may have made a job is looked for; only what may pass is tried again."""
    refusal = gridengine.read_refusal(words)
    assert (refusal.certain, refusal.transient) == (bool(certain), bool(transient))
    assert refusal.words
    assert "Exiting" not in refusal.words


def test_what_a_profile_sets_reaches_every_command() -> None:
    """Without SGE_ROOT no command of Grid Engine knows where to ask."""
    facts = ClusterFacts(
        tools={"qsub": "/opt/sge/bin/qsub"}, scheduler_settings={"SGE_ROOT": "/opt/my sge"}
    )
    scheduler = GridEngine(facts)
    for script in (
        scheduler.list_script("tl."),
        scheduler.detail_script(["7"]),
        scheduler.living_script("tl."),
        scheduler.cancel_script(["7"]),
    ):
        assert script.startswith(
            "PATH=$PATH:/opt/sge/bin; export PATH\nexport SGE_ROOT='/opt/my sge'\n"
        )
