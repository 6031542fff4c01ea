"""Slurm's answers, recorded, and what is made of them."""

from __future__ import annotations

import pytest
from parsl.jobs.states import JobState

from towline.engine.blocks import BlockState
from towline.engine.scheduler import NotObserved
from towline.engine.schedulers.slurm import ACTIVE, OUTCOMES, PENDING, Slurm
from towline.engine.schedulers.slurm_details import LAG_SECONDS, SILENT_SECONDS

slurm = Slurm()


def test_a_listing_is_read_whatever_the_state() -> None:
    """Queued, running, requeued and ended jobs, with the scheduler's reason."""
    jobs = slurm.read_list(
        "7|PENDING|Resources||tl.r1-00000000.a.0.17\n"
        "8|RUNNING|None|onprem-n1|tl.r1-00000000.a.1.17\n"
        "9|TIMEOUT|TimeLimit|onprem-n1|tl.r1-00000000.a.2.17\n"
        "10|NODE_FAIL|None|onprem-n2|tl.r1-00000000.a.3.17\n"
        "11|CONFIGURING|None|cloud-dy1|tl.r1-00000000.a.4.17\n"
        "@@end\n"
    )
    assert [job.state for job in jobs] == [
        BlockState.QUEUED,
        BlockState.RUNNING,
        BlockState.ENDED,
        BlockState.ENDED,
        BlockState.QUEUED,
    ]
    assert jobs[0].reason == "Resources"
    assert (jobs[2].outcome, jobs[2].reason) == (JobState.TIMEOUT, "TIMEOUT (TimeLimit)")
    assert (jobs[3].outcome, jobs[3].nodes) == (JobState.FAILED, "onprem-n2")


@pytest.mark.parametrize("answer", ["", "@@failed\n", "7|PENDING|x||n", "slurm_load_jobs error"])
def test_no_answer_is_not_an_empty_listing(answer: str) -> None:
    """An error leaves the last known state; only a whole answer says that a job is gone."""
    with pytest.raises(NotObserved):
        slurm.read_list(answer)
    assert slurm.read_list("@@end\n") == []


def test_a_job_that_slurm_has_held_itself_is_given_up() -> None:
    """It would stay in the queue for ever; one that a user or administrator holds may come back."""
    (job, held) = slurm.read_list(
        "7|PENDING|launch failed requeued held||name\n8|PENDING|JobHeldUser||name\n@@end\n"
    )
    assert (job.state, job.outcome, job.stuck) == (BlockState.ENDED, JobState.FAILED, True)
    assert (held.state, held.stuck) == (BlockState.QUEUED, False)


def test_an_unknown_state_is_there_no_more() -> None:
    """A word of a later Slurm must not make a job look gone or failed."""
    (job,) = slurm.read_list("7|QUANTUM|None||name\n@@end\n")
    assert job.state is None


def test_every_state_of_squeue_has_one_meaning() -> None:
    """The tables do not overlap."""
    assert not PENDING & ACTIVE
    assert not (PENDING | ACTIVE) & OUTCOMES.keys()


FORGOTTEN = "slurm_load_jobs error: Invalid job id specified\n"


def test_details_come_from_scontrol_else_from_the_accounting() -> None:
    """Scontrol forgets after MinJobAge; sacct does not."""
    jobs = {
        job.job_id: job
        for job in slurm.read_detail(
            "@@job|7\n"
            "JobId=7 JobName=tl.x UserId=jdoe(5001) JobState=OUT_OF_MEMORY Reason=OutOfMemory "
            "NodeList=onprem-n1\n"
            "@@job|8\n" + FORGOTTEN + "@@sacct|7|RUNNING|None|onprem-n1|tl.x\n"
            "@@sacct|8|CANCELLED by 5001|None|onprem-n2|tl.y\n"
            "@@end 0\n"
        )
    }
    assert jobs["7"].outcome is JobState.FAILED
    assert jobs["7"].reason == "OUT_OF_MEMORY (OutOfMemory)"
    assert jobs["8"].outcome is JobState.CANCELLED


@pytest.mark.parametrize(
    ("said", "patience", "assumed"),
    [
        ("@@sacct|\n@@end 0\n", LAG_SECONDS, None),
        ("@@sacct|8|RUNNING|None|onprem-n2|tl.y\n@@end 0\n", LAG_SECONDS, None),
        ("@@sacct|sacct: error: Problem talking to the database: Connection refused\n@@end 1\n",
         SILENT_SECONDS, JobState.COMPLETED),
        ("@@sacct|\n@@end 124\n", SILENT_SECONDS, JobState.COMPLETED),
    ],
    ids=["no record yet", "not ended yet", "slurmdbd down", "sacct hung"],
)  # fmt: skip
def test_an_accounting_that_lags_or_is_down_tells_nothing_of_a_job(
    said: str, patience: float, assumed: JobState | None
) -> None:
    """It is not failed; it is asked about again, and in the end no failure is made up."""
    (job,) = slurm.read_detail("@@job|8\n" + FORGOTTEN + said)
    assert (job.job_id, job.state) == ("8", None)
    assert (job.patience, job.outcome) == (patience, assumed)


@pytest.mark.parametrize(
    "said",
    ["@@sacct|Slurm accounting storage is disabled\n@@end 1\n", "@@sacct|\n@@end 127\n"],
    ids=["disabled", "no sacct"],
)
def test_without_accounting_a_forgotten_job_is_forgotten_for_good(said: str) -> None:
    """There is nobody to ask again."""
    assert slurm.read_detail("@@job|8\n" + FORGOTTEN + said) == []


def test_a_scontrol_that_says_nothing_has_forgotten_nothing() -> None:
    """Killed by its time limit it prints nothing, and no job is gone for that."""
    with pytest.raises(NotObserved, match="about job 8"):
        slurm.read_detail("@@job|8\n@@sacct|\n@@end 0\n")


@pytest.mark.parametrize(
    ("words", "certain", "transient"),
    [
        ("sbatch: error: invalid partition specified: nope\nsbatch: error: Batch job submission "
         "failed: Invalid partition name specified", True, False),
        ("sbatch: error: Batch job submission failed: Requested time limit is invalid (missing or "
         "exceeds some limit)", True, False),
        ("sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job "
         "submit limit, user's size and/or time limits)", True, True),
        ("sbatch: error: QOSMaxSubmitJobPerUserLimit", True, True),
        ("sbatch: error: Batch job submission failed: Unable to contact slurm controller "
         "(connect failure)", True, True),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
         False, True),
        ("sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying",
         True, True),
    ],
)  # fmt: skip
def test_a_refusal_is_read(words: str, certain: bool, transient: bool) -> None:
    """Final ones end the block, passing ones wait, doubtful ones are looked up by name."""
    refusal = slurm.read_refusal(words)
    assert (refusal.certain, refusal.transient) == (certain, transient)
    assert "sbatch: error" not in refusal.words
