"""What LSF answered, and what is made of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parsl.jobs.states import JobState

from towline.engine.blocks import BlockState
from towline.engine.scheduler import NotObserved
from towline.engine.schedulers.lsf import Lsf
from towline.engine.schedulers.lsf_answers import STATES, read_history

RECORDINGS = Path(__file__).parent / "recordings" / "lsf"
lsf = Lsf()


def test_jobs_in_all_states_are_read() -> None:
    """Waiting ones with LSF's reason, ended ones with why, nodes without their slots."""
    jobs = {
        job.job_id: job for job in lsf.read_list((RECORDINGS / "lsf-10-bjobs-o.txt").read_text())
    }
    assert len(jobs) == 9
    assert jobs["764213236"].outcome is JobState.TIMEOUT
    assert jobs["764213236"].reason.startswith("TERM_RUNLIMIT: job killed")
    assert jobs["764220165"].state is BlockState.QUEUED
    assert jobs["764220165"].reason == "New job is waiting for scheduling"
    assert jobs["764255172"].nodes == "b68ac74822,b68ac74823"
    assert jobs["764399747"].outcome is JobState.COMPLETED
    assert (jobs["873206"].outcome, jobs["873206"].reason) == (JobState.FAILED, "exit code 127")
    assert jobs["12345678"].outcome is JobState.CANCELLED
    assert jobs["58652"].state is BlockState.QUEUED


def test_lsf_9_has_no_reason_for_waiting() -> None:
    """The question without it is answered; noise on the way is left out."""
    done, failed, suspended = lsf.read_list((RECORDINGS / "lsf-9-bjobs-o.txt").read_text())
    assert (done.outcome, done.nodes) == (JobState.COMPLETED, "tbi-cn019")
    assert (failed.outcome, failed.reason) == (JobState.FAILED, "exit code 1")
    assert (suspended.state, suspended.reason[:9]) == (BlockState.RUNNING, "suspended")


def test_the_history_says_how_forgotten_jobs_ended() -> None:
    """Its lines are broken anywhere; a job without an end in it says nothing."""
    text = (RECORDINGS / "bhist-l.txt").read_text()
    late, done = read_history(text.splitlines())
    assert (late.job_id, late.outcome, late.nodes) == ("1962", JobState.TIMEOUT, "ebi6-054")
    assert late.job_name == "tl.r1-00000000.a.0.1700000000.25"
    assert late.reason == "TERM_RUNLIMIT: job killed after reaching LSF run time limit"
    assert (done.job_id, done.outcome) == ("1963", JobState.COMPLETED)
    marked = "".join(f"@@bhist|{line}\n" for line in text.splitlines())
    detail = lsf.read_detail(f"Job <1962> is not found\n@@code=255\n{marked}@@end\n")
    assert [job.job_id for job in detail] == ["1962", "1963"]


def test_every_state_of_the_manual_has_a_meaning() -> None:
    """A host that does not answer is no end of its job, though it was killed."""
    assert set(STATES) == {"PEND", "PSUSP", "RUN", "USUSP", "SSUSP", "DONE", "EXIT", "UNKWN",
                           "WAIT", "ZOMBI", "PROV"}  # fmt: skip
    lost, killed, unknown = lsf.read_list(
        "1|UNKWN|-|tl.x|h|-|-\n2|ZOMBI|-|tl.y|h|-|-\n3|NEWER|-|tl.z|h|-|-\n@@code=0\n@@end\n"
    )
    assert lost.state is killed.state is BlockState.RUNNING
    assert unknown.state is None


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "@@end\n",
        "1|RUN|-|tl.x|h|-|-\n@@code=0\n",
        "LSF is down. Please wait ...\n@@code=255\n@@end\n",
        "Failed in an LSF library call: Slave LIM is not ready yet\n@@code=255\n@@end\n",
        "@@code=124\n@@end\n",
        "sh: bjobs: not found\n@@code=127\n@@end\n",
    ],
)
def test_no_answer_is_not_an_empty_listing(answer: str) -> None:
    """A cluster that is down leaves the last known state."""
    with pytest.raises(NotObserved):
        lsf.read_list(answer)


@pytest.mark.parametrize(
    "words",
    ["No job found", "No unfinished job found", "Job <tl.r1-00000000.*> is not found",
     "No matching job found"],
)  # fmt: skip
def test_no_jobs_is_an_answer(words: str) -> None:
    """LSF says it as an error."""
    assert lsf.read_list(f"{words}\n@@code=255\n@@end\n") == []


@pytest.mark.parametrize(
    ("words", "certain", "transient"),
    [
        ("7TT2: No such queue. Job not submitted.", True, False),
        ("Too many processors requested. Job not submitted.", True, False),
        ('Error near "select" : duplicate section. Job not submitted.', True, False),
        ("RUNLIMIT: Cannot exceed queue's hard limit(s). Job not submitted.", True, False),
        ("User cannot use the queue. Job not submitted.", True, False),
        ("Request aborted by esub. Job not submitted.", True, False),
        ("User <jdoe>: Pending job threshold reached. Retrying in 60 seconds...", True, True),
        ("The destination queue has reached its job limit. Job not submitted.", True, True),
        ("LSF is down. Please wait ...", True, True),
        ("Failed in an LSF library call: Master LIM is down; try later. Job not submitted.",
         True, True),
        ("Failed in an LSF library call: Communication time out", False, True),
    ],
)  # fmt: skip
def test_a_refusal_is_read(words: str, certain: bool, transient: bool) -> None:
    """Final ones end the block, passing ones wait, doubtful ones are looked up by name."""
    refusal = lsf.read_refusal(words)
    assert (refusal.certain, refusal.transient) == (certain, transient)


@given(st.text(alphabet=st.characters() | st.sampled_from("|\n@0123456789-"), max_size=200),
       st.sampled_from(["", "\n@@code=0\n@@end\n", "\n@@code=255\n@@end"]))  # fmt: skip
def test_whatever_is_answered_is_read_or_not_observed(noise: str, end: str) -> None:
    """No text raises anything else; an ended job always has an outcome."""
    for read in (lsf.read_list, lsf.read_detail):
        try:
            jobs = read(f"{noise}{end}")
        except NotObserved:
            continue
        assert all((job.outcome is not None) == (job.state is BlockState.ENDED) for job in jobs)
    read_history(noise.splitlines())
    lsf.read_refusal(noise)


field = st.sampled_from([*STATES, "-", "", "140", "TERM_X: y", "*h:"]) | st.text("|*:", max_size=9)


@given(st.lists(field, min_size=5, max_size=8))
def test_whatever_the_fields_are_a_line_is_read(fields: list[str]) -> None:
    """Of a job that looks like one."""
    for job in lsf.read_list(f"1|{'|'.join(fields)}\n@@code=0\n@@end\n"):
        assert (job.outcome is not None) == (job.state is BlockState.ENDED)


BJOBS = """#!/bin/sh
[ "$5" = -u ] || [ "$4" = -u ] || [ "$4" = 7 ] || { echo "bad: $*" >&2; exit 2; }
case "$*" in
*pend_reason*) echo "pend_reason: unknown field name" >&2; exit 255 ;;
*-J*) echo "7|RUN|-|tl.r1-00000000.a.0|4*h1|-" ;;
*) echo "Job <7> is not found" >&2; exit 255 ;;
esac
"""


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_the_scripts_ask_again_without_what_an_old_lsf_does_not_know(
    tmp_path: Path, shell: str
) -> None:
    """LSF 9.1 refuses a question with an unknown field."""
    for name, text in (("bjobs", BJOBS), ("bhist", "#!/bin/sh\necho 'Job <7>, Job Name <tl.x>'\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    def run(script: str) -> str:
        return subprocess.run(
            [shell, "-c", script], env=environment, capture_output=True, text=True, check=True
        ).stdout

    (job,) = lsf.read_list(run(lsf.list_script("tl.r1-00000000.")))
    assert (job.job_id, job.state, job.nodes) == ("7", BlockState.RUNNING, "h1")
    assert run(lsf.living_script("tl.r1-00000000.")) == "7\n"
    assert lsf.read_detail(run(lsf.detail_script(["7"]))) == []
