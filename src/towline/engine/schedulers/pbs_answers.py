"""Read what ``qstat -f`` answers: PBS Pro, OpenPBS, Torque, and Slurm's wrappers of that name.

The text form is the one that all of them share. The JSON of PBS 19 and 20 breaks at a quote or a
backslash in a variable of the job's environment; Torque has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from parsl.jobs.states import JobState

from towline.engine.blocks import BlockState
from towline.engine.scheduler import NotObserved, Observation

WANTED = (
    "Job_Name", "job_state", "comment", "exec_host", "Exit_status", "exit_status", "substate",
    "resources_used.walltime", "Resource_List.walltime",
)  # fmt: skip
"""The attributes that are read; a job has fifty, one of them its whole environment."""

NO_SUCH_JOB = re.compile(
    r"unknown job|job has finished|has finished, use -x|not configured to maintain job history"
    r"|job_history_enable|history job id",
    re.IGNORECASE,
)
"""Complaints that are answers: the server is there and does not know the job any more."""

CODES_OF_NO_SUCH_JOB = ("153", "35")
"""The last byte of PBSE_UNKJOBID (15001) and PBSE_HISTJOBID (15139)."""

_HEAD = re.compile(r"Job Id:\s*(\S+)\s*")
_ATTRIBUTE = re.compile(r"\s+([A-Za-z_][\w.]*) = ?(.*)")


class Meaning(NamedTuple):
    """What a state letter means.

    Attributes:
        state: None when the job is there, no more can be said.
        words: for people, where the letter is no everyday one.

    """

    state: BlockState | None
    words: str = ""


PBS_STATES: Mapping[str, Meaning] = {
    "B": Meaning(BlockState.RUNNING),
    "E": Meaning(BlockState.RUNNING, "exiting: its output is being copied"),
    "F": Meaning(BlockState.ENDED),
    "H": Meaning(BlockState.QUEUED, "held"),
    "M": Meaning(None, "moved to another server"),
    "Q": Meaning(BlockState.QUEUED),
    "R": Meaning(BlockState.RUNNING),
    "S": Meaning(BlockState.RUNNING, "suspended by the scheduler"),
    "T": Meaning(BlockState.QUEUED, "on its way to another queue"),
    "U": Meaning(BlockState.RUNNING, "suspended: its node is in use"),
    "W": Meaning(BlockState.QUEUED, "waits for its start time, or its files could not be fetched"),
    "X": Meaning(BlockState.ENDED),
}
"""PBS Professional 2024.1 Reference Guide, "Job states"."""

TORQUE_STATES: Mapping[str, Meaning] = {
    "C": Meaning(BlockState.ENDED),
    "E": Meaning(BlockState.RUNNING, "exiting: its output is being copied"),
    "H": Meaning(BlockState.QUEUED, "held"),
    "Q": Meaning(BlockState.QUEUED),
    "R": Meaning(BlockState.RUNNING),
    "S": Meaning(BlockState.RUNNING, "suspended"),
    "T": Meaning(BlockState.QUEUED, "on its way to another queue"),
    "W": Meaning(BlockState.QUEUED, "waits for its start time"),
}
"""Torque 6.1.2 Administrator Guide, qstat."""

PBS_CODES: Mapping[int, str] = {
    -1: "it could not be started",
    -2: "it could not be started: see its error output",
    -3: "it could not be started and was to be tried again",
    -4: "its node's daemon was restarted",
    -5: "its node's daemon was restarted",
    -6: "its node's daemon was restarted",
    -10: "its user is not known on the node",
    -14: "a node of it was lost",
    -17: "the site's hook refused it",
    -19: "the site's hook deleted it",
    -20: "its node was lost",
    -24: "CPU limit exceeded",
    -25: "CPU limit exceeded",
    -26: "virtual memory limit exceeded",
    -27: "memory limit exceeded",
    -28: "CPU time limit exceeded",
    -29: "time limit reached",
    -30: "its nodes could not be joined",
}
"""JOB_EXEC_* of OpenPBS's job.h."""

TORQUE_CODES: Mapping[int, str] = {
    -1: "it could not be started",
    -2: "it could not be started: see its error output",
    -3: "it could not be started and was to be tried again",
    -4: "its node's daemon was restarted",
    -5: "its node's daemon was restarted",
    -6: "its node's daemon was restarted",
    -8: "its shell could not be started",
    -9: "its output files could not be made",
    -10: "memory limit exceeded",
    -11: "time limit reached",
    -12: "CPU time limit exceeded",
    -13: "its cgroup could not be made",
}
"""JOB_EXEC_* of Torque's pbs_job.h."""

DELETED = 91
"""PBS's substate of a job that was terminated before its own end."""


def read_jobs(text: str) -> list[tuple[str, dict[str, str]]]:
    """Return id and attributes of each job, folded lines put together; noise is left out."""
    jobs: list[tuple[str, dict[str, str]]] = []
    name = ""
    for line in text.splitlines():
        if head := _HEAD.fullmatch(line):
            jobs.append((head[1], {}))
            name = ""
        elif not jobs or not line[:1].isspace():
            name = ""
        elif attribute := _ATTRIBUTE.fullmatch(line):
            name = attribute[1]
            if name in jobs[-1][1]:  # the first one is PBS's, a later one a variable's value
                name = ""
            else:
                jobs[-1][1][name] = attribute[2].strip()
        elif name:
            jobs[-1][1][name] += line.strip()
    return jobs


def check_complaints(said: Sequence[str]) -> None:
    """Raise NotObserved unless what qstat said on standard error is an answer too.

    Args:
        said: lines; ``@@code=N`` is its exit code, where that is not 0.

    """
    code = next((line.removeprefix("@@code=") for line in said if line.startswith("@@code=")), "")
    words = [line.strip() for line in said if line.strip() and not line.startswith("@@code=")]
    for complaint in words:
        if not NO_SUCH_JOB.search(complaint):
            raise NotObserved(complaint)
    if code and not words and code not in CODES_OF_NO_SUCH_JOB:
        raise NotObserved(f"qstat gave no answer (exit code {code})")


def observation(
    job_id: str, facts: Mapping[str, str], states: Mapping[str, Meaning], codes: Mapping[int, str]
) -> Observation:
    """Return what a job's attributes mean in Parsl's words."""
    name, letter = facts.get("Job_Name", ""), facts.get("job_state", "")
    nodes = _nodes(facts.get("exec_host", ""))
    meaning = states.get(letter)
    if meaning is None:
        return Observation(job_id, name, None, None, f"state {letter!r}", nodes)
    if meaning.state is BlockState.ENDED:
        outcome, reason = _end(facts, codes)
        return Observation(job_id, name, BlockState.ENDED, outcome, reason, nodes)
    if meaning.state is BlockState.RUNNING:
        return Observation(job_id, name, meaning.state, None, meaning.words, nodes)
    why = facts.get("comment", "").removeprefix("Not Running: ") or meaning.words
    return Observation(job_id, name, meaning.state, None, why, nodes)


def _end(facts: Mapping[str, str], codes: Mapping[int, str]) -> tuple[JobState, str]:
    said = facts.get("Exit_status", facts.get("exit_status", ""))
    code = _integer(said)
    if code is None:
        if _integer(facts.get("substate", "")) == DELETED or facts.get("job_state") == "F":
            return JobState.CANCELLED, "deleted before it ran"
        return JobState.COMPLETED, "it ended; the scheduler does not say how"
    if code == 0:
        return JobState.COMPLETED, "exit code 0"
    used = _seconds(facts.get("resources_used.walltime", ""))
    limit = _seconds(facts.get("Resource_List.walltime", ""))
    if codes.get(code) == "time limit reached" or (limit and used >= limit):
        return JobState.TIMEOUT, f"time limit reached (exit status {code})"
    if code < 0:
        return JobState.FAILED, f"{codes.get(code, 'it could not be run')} (exit status {code})"
    if code > 256:
        signal = code - 256
        if signal in (9, 15):
            return JobState.CANCELLED, f"deleted, or killed by signal {signal}"
        return JobState.FAILED, f"killed by signal {signal}"
    return JobState.FAILED, f"exit code {code}"


def _nodes(exec_host: str) -> str:
    """Return ``n1,n2`` of ``n1/0*16+n2/0-15``."""
    names = (part.split("/")[0].strip() for part in exec_host.split("+"))
    return ",".join(dict.fromkeys(name for name in names if name and name != "--"))


def _integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text.strip()) else None


def _seconds(text: str) -> int:
    match = re.fullmatch(r"(?:([0-9]+):)?([0-9]+):([0-9]+)(?:\.[0-9]+)?", text.strip())
    if match is None:
        return 0
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return (hours * 60 + minutes) * 60 + seconds
