"""What Slurm says of single jobs: the controller while it remembers, else the accounting."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from parsl.jobs.states import JobState

from towline.engine.blocks import BlockState
from towline.engine.scheduler import NotObserved, Observation
from towline.engine.schedulers.commands import bounded
from towline.ssh import quote

LAG_SECONDS = 30.0
"""The accounting may know of a job's end this much later; slurmctld talks to it every 10 s."""
SILENT_SECONDS = 300.0
"""So long a block is kept whose end only a slurmdbd knows that does not answer."""

_NO_ACCOUNTING = 127
_Make = Callable[[str, str, str, str, str], Observation]


def script(job_ids: Sequence[str]) -> str:
    """Return a script that asks scontrol, then the accounting, about jobs by id."""
    scontrol = "".join(
        f"echo {quote(f'@@job|{job_id}')}\n"
        f"{bounded('scontrol')} -o show job {quote(job_id)} 2>&1 || :\n"
        for job_id in job_ids
    )
    return (
        f"{scontrol}"
        f"said=$({bounded('sacct')} -X -n -P -j {quote(','.join(job_ids))} "
        "-o JobIDRaw,State,Reason,NodeList,JobName 2>&1) && code=0 || code=$?\n"
        "printf '%s\\n' \"$said\" | sed 's/^/@@sacct|/'\n"
        'echo "@@end $code"\n'
    )


def read(output: str, make: _Make) -> list[Observation]:
    """Read the answer; ``make`` reads id, state, reason, nodes and name.

    Raises:
        NotObserved: scontrol gave no usable answer.

    """
    *lines, end = output.splitlines() or [""]
    if not end.startswith("@@end"):
        raise NotObserved("scontrol did not answer")
    at_controller, forgotten = _from_controller(
        [line for line in lines if not line.startswith("@@sacct|")], make
    )
    said = [line.removeprefix("@@sacct|") for line in lines if line.startswith("@@sacct|")]
    ended = _from_accounting(said, make)
    found = at_controller + [ended[job_id] for job_id in forgotten if job_id in ended]
    return found + _not_told(
        [job_id for job_id in forgotten if job_id not in ended],
        code=int(end.split()[-1]),
        said=" ".join(line for line in said if line.count("|") < 4).strip(),
    )


def _from_controller(lines: list[str], make: _Make) -> tuple[list[Observation], list[str]]:
    """Return what scontrol knows, and the ids that it has forgotten."""
    asked, known, forgotten = "", [], []
    for line in lines:
        if line.startswith("@@job|"):
            asked = line.removeprefix("@@job|")
        elif line.startswith("JobId="):
            facts = dict(re.findall(r"(\w+)=(\S*)", line))
            known.append(
                make(
                    facts["JobId"],
                    facts.get("JobState", ""),
                    facts.get("Reason", ""),
                    facts.get("NodeList", "").replace("(null)", ""),
                    facts.get("JobName", ""),
                )
            )
            asked = ""
        elif "invalid job id" in line.lower():
            forgotten.append(asked)
            asked = ""
        elif "unable to contact" in line.lower() or "timed out" in line.lower():
            raise NotObserved(line)
    if asked:
        raise NotObserved(f"scontrol did not answer about job {asked}")
    return known, forgotten


def _from_accounting(lines: list[str], make: _Make) -> dict[str, Observation]:
    """Return the jobs that have ended; one that is forgotten cannot be in another state."""
    jobs = [make(*line.split("|", 4)) for line in lines if line.count("|") >= 4]
    return {job.job_id: job for job in jobs if job.state is BlockState.ENDED}


def _not_told(job_ids: list[str], *, code: int, said: str) -> list[Observation]:
    """Say how long it may take until it is told how these ended; nothing where nobody will."""
    if code == _NO_ACCOUNTING or "storage is disabled" in said.lower():
        return []
    words, outcome, patience = "its end is not in the accounting yet", None, LAG_SECONDS
    if code:
        words = f"how it ended is not known: the accounting does not answer: {said}".rstrip(": ")
        outcome, patience = JobState.COMPLETED, SILENT_SECONDS
    return [Observation(job_id, "", None, outcome, words, patience=patience) for job_id in job_ids]
