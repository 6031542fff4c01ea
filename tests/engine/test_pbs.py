"""What PBS Pro, OpenPBS, Torque and Slurm's wrappers answered, and what is made of it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parsl.jobs.states import JobState

from towline.engine.blocks import BlockState
from towline.engine.scheduler import NotObserved, Observation
from towline.engine.schedulers.pbs import PbsFamily, PbsPro
from towline.engine.schedulers.pbs_answers import PBS_STATES, TORQUE_STATES, read_jobs
from towline.engine.schedulers.torque import Torque

RECORDINGS = Path(__file__).parent / "recordings"
pbs, torque = PbsPro(), Torque()


def seen(scheduler: PbsFamily, file: str) -> list[Observation]:
    text = (RECORDINGS / file).read_text()
    return scheduler.read_detail(f"{text}\n@@end\n")


def test_pending_running_and_held_jobs_of_pbs_pro_are_read() -> None:
    """Folded lines are one value; the reason is the scheduler's; nodes come by name."""
    queued, running, held = seen(pbs, "pbs/pbspro-12-qstat-f.txt")
    assert queued == Observation(
        "68350.mycluster",
        "cell-Qnormal",
        BlockState.QUEUED,
        None,
        "Node is in an ineligible state: offline",
        "",
    )
    assert (running.state, running.nodes) == (BlockState.RUNNING, "b141,b142,b143,b144")
    assert (held.state, held.reason) == (BlockState.QUEUED, "held")


@pytest.mark.parametrize(
    ("scheduler", "file", "outcome", "reason"),
    [
        (pbs, "pbs/pbspro-13-qstat-xf-finished.txt", JobState.COMPLETED, "exit code 0"),
        (pbs, "pbs/openpbs-20-qstat-fx-finished.txt", JobState.COMPLETED, "exit code 0"),
        (pbs, "pbs/pbspro-2022-walltime.txt", JobState.TIMEOUT, "time limit reached"),
        (pbs, "pbs/pbspro-2022-deleted.txt", JobState.CANCELLED, "deleted"),
        (torque, "torque/torque-6-deleted.txt", JobState.CANCELLED, "deleted"),
        (torque, "torque/torque-6-walltime.txt", JobState.TIMEOUT, "time limit reached"),
    ],
)
def test_how_a_job_ended_is_read(
    scheduler: PbsFamily, file: str, outcome: JobState, reason: str
) -> None:
    """State F or C says nothing about success: the exit status and the times do."""
    for job in seen(scheduler, file):
        assert (job.state, job.outcome) == (BlockState.ENDED, outcome)
        assert reason in job.reason


def test_running_jobs_of_others_are_read() -> None:
    """PBS of 2019, Torque of 2015, and Slurm's wrapper, which indents by tabs."""
    assert seen(pbs, "pbs/pbspro-19-qstat-f-running.txt")[0].nodes == "cn02"
    held, running = seen(torque, "torque/torque-4-qstat-f.txt")
    assert (held.job_id, held.state) == ("549159", BlockState.QUEUED)
    assert running.nodes == "r2i4n13,r1i2n12,r1i2n11,r1i1n15"
    (wrapped,) = seen(torque, "torque/slurm-22.05-wrapper.txt")
    assert (wrapped.job_id, wrapped.state, wrapped.nodes) == ("17", BlockState.RUNNING, "onprem-n1")
    assert wrapped.job_name == "tl.r1-00000000.a.0.1700000000.25"


def test_a_variable_that_looks_like_an_attribute_changes_nothing() -> None:
    """A user's environment is in the answer, with line breaks and all."""
    text = "Job Id: 1.s\n    job_state = R\n    Variable_List = X=\n    job_state = F\n\tmore\n"
    assert read_jobs(text)[0][1]["job_state"] == "R"


@pytest.mark.parametrize(("states", "letters"), [(PBS_STATES, "BEFHMQRSTUWX"),
                                                 (TORQUE_STATES, "CEHQRTWS")])  # fmt: skip
def test_every_letter_has_a_meaning(states: dict[str, object], letters: str) -> None:
    """The full tables of the manuals, and no letter more."""
    assert set(states) == set(letters)


def test_an_ending_job_is_not_an_ended_one() -> None:
    """Parsl takes E for completed; its output would be fetched before it has come."""
    (job,) = pbs.read_list("Job Id: 1.s\n    job_state = E\n    Exit_status = 0\n@@end\n")
    assert job.state is BlockState.RUNNING
    (unknown,) = pbs.read_list("Job Id: 1.s\n    job_state = Z\n@@end\n")
    assert unknown.state is None


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "@@failed\n",
        "Job Id: 1.s\n    job_state = R\n",
        "@@error|qstat: cannot connect to server pbs01 (errno=15010)\n@@end\n",
        "@@error|Connection refused\n@@error|@@code=111\n@@end\n",
        "@@error|@@code=124\n@@end\n",
        "@@error|sh: qstat: not found\n@@error|@@code=127\n@@end\n",
    ],
)
def test_no_answer_is_not_an_empty_listing(answer: str) -> None:
    """A server that is away leaves the last known state."""
    with pytest.raises(NotObserved):
        pbs.read_list(answer)


@pytest.mark.parametrize(
    "complaint",
    [
        "qstat: Unknown Job Id 12.server",
        "qstat: Unknown Job Id Error 12.server",
        "qstat: 12.server Job has finished, use -x or -H to obtain historical job information",
        "qstat: PBS is not configured to maintain job history",
    ],
)
def test_a_job_that_is_not_known_any_more_is_an_answer(complaint: str) -> None:
    """It ended between two questions, or the site keeps no history."""
    answer = f"Job Id: 1.s\n    job_state = R\n@@error|{complaint}\n@@error|@@code=153\n@@end\n"
    assert len(pbs.read_list(answer)) == 1
    assert pbs.read_list("@@error|@@code=153\n@@end\n") == []


@pytest.mark.parametrize(
    ("words", "certain", "transient"),
    [
        ("qsub: Unknown queue", True, False),
        ("qsub: Unauthorized Request ", True, False),
        ("qsub: Access to queue is denied", True, False),
        ("qsub: Job violates queue and/or server resource limits", True, False),
        ("qsub: submit error (Job exceeds queue resource limits MSG=cannot satisfy queue max "
         "walltime requirement)", True, False),
        ("qsub: Illegal attribute or resource value Resource_List.select", True, False),
        ("qsub: Invalid Account", True, False),
        ("qsub: would exceed queue generic's per-user limit of jobs in 'Q' state", True, True),
        ("qsub: submit error (Maximum number of jobs already in queue MSG=total number of jobs in "
         "queue exceeds the queue limit: user x, queue batch)", True, True),
        ("qsub: cannot connect to server pbs01 (errno=15010)", True, True),
        ("Connection refused\nqsub: cannot connect to server torque (errno=111)", True, True),
        ("qsub: Request not allowed: Server shutting down", True, True),
        ("qsub: submit error (Pbs Server is currently too busy to service this request. Please "
         "retry this request.)", True, True),
        ("qsub: End of File", False, True),
        ("qsub: Premature end of message", False, True),
        ("qsub: Batch protocol error", False, True),
    ],
)  # fmt: skip
def test_a_refusal_is_read(words: str, certain: bool, transient: bool) -> None:
    """Final ones end the block, passing ones wait, doubtful ones are looked up by name."""
    refusal = pbs.read_refusal(words)
    assert (refusal.certain, refusal.transient) == (certain, transient)
    assert "qsub:" not in refusal.words


@given(st.text(), st.sampled_from(["", "@@end\n", "\n@@error|x\n@@end"]))
def test_whatever_is_answered_is_read_or_not_observed(noise: str, end: str) -> None:
    """No text raises anything else."""
    for scheduler in (pbs, torque):
        for read in (scheduler.read_list, scheduler.read_detail):
            with contextlib.suppress(NotObserved):
                read(f"{noise}{end}")
        scheduler.read_refusal(noise)


attribute = st.tuples(
    st.sampled_from(["job_state", "Exit_status", "exit_status", "exec_host", "substate",
                     "resources_used.walltime", "Resource_List.walltime", "comment"]),
    st.sampled_from(["F", "C", "R", "-29", "271", "99999999999999999999", "n/0+", "1:99:99", ""])
    | st.text(),
)  # fmt: skip


@given(st.lists(attribute))
def test_whatever_the_attributes_are_a_job_is_read(attributes: list[tuple[str, str]]) -> None:
    """An ended one always has an outcome."""
    lines = "".join(f"    {name} = {value}\n" for name, value in attributes)
    for scheduler in (pbs, torque):
        try:
            jobs = scheduler.read_list(f"Job Id: 1.s\n    Job_Name = tl.x\n{lines}@@end\n")
        except NotObserved:
            continue
        for job in jobs:
            assert (job.outcome is not None) == (job.state is BlockState.ENDED)


QSTAT = """#!/bin/sh
case "$*" in
-u*) cat <<'END'

pbs01:
                                                            Req'd  Req'd   Elap
Job ID          Username Queue    Jobname    SessID NDS TSK Memory Time  S Time
--------------- -------- -------- ---------- ------ --- --- ------ ----- - -----
17.pbs01.a-long jdoe     workq    tl.r1-000* --       1   1    --  00:10 R   --
18.pbs01.a-long jdoe     workq    other      --       1   1    --  00:10 Q   --
19.pbs01.a-long jdoe     workq    tl.r2-000* --       1   1    --  00:10 Q   --
END
;;
"-f 17 19") cat <<'END'
Job Id: 17.pbs01.a-longer.name
    Job_Name = tl.r1-00000000.a-label-so-long-that-the-line-is-folded-somewhere.0.1
	700000000.25
    job_state = R
    exec_host = n1/0*4+n2/0
	*4
    Variable_List = PBS_O_HOME=/home/x,
	job_state = F
    etime = Tue Apr  9 18:26:32 2013

Job Id: 19.pbs01.a-longer.name
    Job_Name = tl.r2-00000000.b.0.1700000000.25
    job_state = Q

END
;;
*) echo "qstat: unexpected: $*" >&2; exit 2 ;;
esac
"""


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_the_scripts_pick_the_jobs_of_one_run(tmp_path: Path, shell: str) -> None:
    """Names are cut off in one listing and folded in the other; another run's job is left out."""
    (tmp_path / "qstat").write_text(QSTAT)
    (tmp_path / "qstat").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    def run(script: str) -> str:
        return subprocess.run(
            [shell, "-c", script], env=environment, capture_output=True, text=True, check=True
        ).stdout

    (job,) = pbs.read_list(run(pbs.list_script("tl.r1-00000000.")))
    assert job.job_id == "17.pbs01.a-longer.name"
    assert job.job_name.endswith("somewhere.0.1700000000.25")
    assert (job.state, job.nodes) == (BlockState.RUNNING, "n1,n2")
    assert run(pbs.living_script("tl.r1-00000000.")) == "17.pbs01.a-longer.name\n"
    silent = pbs.living_script("tl.r1-00000000.").replace("qstat -f", "qstat -f -gone")
    with pytest.raises(subprocess.CalledProcessError):
        run(silent)  # a server that goes away between the two questions is asked again
    with pytest.raises(NotObserved, match="unexpected"):
        pbs.read_detail(run(pbs.detail_script(["21.pbs01"])))
