"""Read what LSF's ``bjobs -o`` and ``bhist -l`` answer (9.1 to 10.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from parsl.jobs.states import JobState

from towline.engine.blocks import BlockState
from towline.engine.scheduler import Observation

FIELDS = "jobid stat exit_code job_name exec_host exit_reason"
MORE_FIELDS = f"{FIELDS} pend_reason"
"""``pend_reason`` came with 10.1; 9.1 refuses the whole question for it."""

STATES: Mapping[str, tuple[BlockState | None, str]] = {
    "PEND": (BlockState.QUEUED, ""),
    "PROV": (BlockState.QUEUED, "its host is being powered up"),
    "PSUSP": (BlockState.QUEUED, "held by its owner or the site"),
    "WAIT": (BlockState.QUEUED, "waits its turn in a chunk of jobs"),
    "RUN": (BlockState.RUNNING, ""),
    "USUSP": (BlockState.RUNNING, "suspended by its owner or the site"),
    "SSUSP": (BlockState.RUNNING, "suspended by LSF: its host is too busy"),
    "UNKWN": (BlockState.RUNNING, "its host does not answer"),
    "ZOMBI": (BlockState.RUNNING, "it was killed while its host does not answer"),
    "DONE": (BlockState.ENDED, ""),
    "EXIT": (BlockState.ENDED, ""),
}
"""bjobs(1), STAT. UNKWN and ZOMBI are no ends: the host may come back with the job on it."""

TIMEOUTS = ("TERM_RUNLIMIT", "TERM_CPULIMIT", "TERM_DEADLINE", "TERM_WINDOW", "TERM_PROCESSLIMIT")
PREEMPTED = ("TERM_PREEMPT", "TERM_BUCKET_KILL", "TERM_REQUEUE_OWNER", "TERM_REQUEUE_ADMIN")
CANCELLED = (
    "TERM_OWNER",
    "TERM_FORCE_OWNER",
    "TERM_ADMIN",
    "TERM_FORCE_ADMIN",
    "TERM_REMOVE_HUNG_JOB",
)

NO_SUCH_JOB = re.compile(
    r"job <[^>]*> is not found|no (?:matching |unfinished |finished )?job found"
    r"|no matching job",
    re.IGNORECASE,
)
"""Complaints that are answers."""

_HISTORY_OF = re.compile(r"Job <(\d+)>(?:, Job Name <([^>]*)>)?")
_TERM = re.compile(r"\b(TERM_[A-Z_]+)\b(?:: ([^.;]*))?")


def read_line(line: str) -> Observation | None:
    """Read one line of ``bjobs -o`` with ``|`` between the fields; None for anything else."""
    parts = [part.strip() for part in line.split("|", 6)]
    if len(parts) < 6 or not re.fullmatch(r"[0-9]+(?:\[[0-9]+\])?", parts[0]):
        return None
    job_id, word, code, name, hosts, exit_reason = (
        "" if part == "-" else part for part in parts[:6]
    )
    pending = parts[6] if len(parts) > 6 and parts[6] != "-" else ""
    return observation(job_id, word, code, name, hosts, exit_reason, pending)


def observation(
    job_id: str, word: str, code: str, name: str, hosts: str, exit_reason: str, pending: str = ""
) -> Observation:
    """Return what LSF's words about a job mean in Parsl's."""
    nodes = _nodes(hosts)
    state, words = STATES.get(word, (None, f"state {word!r}"))
    if state is BlockState.ENDED:
        outcome, reason = _end(word, code, exit_reason)
        return Observation(job_id, name, state, outcome, reason, nodes)
    if state is BlockState.QUEUED:
        return Observation(job_id, name, state, None, pending.rstrip("; ") or words, nodes)
    return Observation(job_id, name, state, None, words, nodes)


def read_history(lines: Iterable[str]) -> list[Observation]:
    """Read ``bhist -l``; a job that it does not say the end of is left out."""
    found = []
    for text in _entries(lines):
        job = _HISTORY_OF.match(text)
        if job is None:
            continue
        term = _TERM.search(text)
        reason = f"{term[1]}: {term[2] or ''}".rstrip(": ") if term else ""
        code = re.search(r"Exited with exit code (\d+)", text) or re.search(
            r"Exited by signal (\d+)", text
        )
        if "Done successfully" in text:
            word = "DONE"
        elif code or term or "Completed <exit>" in text:
            word = "EXIT"
        else:
            continue
        hosts = re.search(r"(?:Started|[Dd]ispatched)[^<]*<([^>]*)>", text)
        found.append(
            observation(
                job[1],
                word,
                code[1] if code else "",
                job[2] or "",
                hosts[1] if hosts else "",
                reason,
            )
        )
    return found


def _entries(lines: Iterable[str]) -> Iterable[str]:
    """Yield the text about each job; bhist breaks lines anywhere, and indents the rest."""
    text = ""
    for line in lines:
        if line.lstrip().startswith("Job <"):
            if text:
                yield text
            text = line.strip()
        elif text:
            text += line[21:] if line.startswith(" " * 21) else "\n" + line.strip()
    if text:
        yield text


def _end(word: str, code: str, exit_reason: str) -> tuple[JobState, str]:
    if word == "DONE":
        return JobState.COMPLETED, "exit code 0"
    cause = exit_reason.split(":")[0].strip()
    reason = exit_reason or (f"exit code {code}" if code else "it did not end well")
    if cause in TIMEOUTS or cause in PREEMPTED:
        return JobState.TIMEOUT, reason
    if cause in CANCELLED:
        return JobState.CANCELLED, reason
    return JobState.FAILED, f"{exit_reason} (exit code {code})" if exit_reason and code else reason


def _nodes(hosts: str) -> str:
    """Return ``h1,h2`` of ``4*h1:h2``."""
    names = (part.rpartition("*")[2].strip() for part in re.split(r"[:\s]+", hosts))
    return ",".join(dict.fromkeys(name for name in names if name and name != "-"))
