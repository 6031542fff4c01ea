"""HTCondor: its commands and how their answers are read (8.8 to 24)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from parsl.jobs.states import JobState

from towline.clusters import ClusterFacts
from towline.engine.blocks import BlockState
from towline.engine.scheduler import NotObserved, Observation, Refusal
from towline.engine.schedulers.commands import bounded, path_line
from towline.ssh import quote

IDLE, RUNNING, REMOVED, COMPLETED, HELD, TRANSFERRING, SUSPENDED = "1234567"
"""JobStatus, as HTCondor's manual numbers it."""

HELD_ON_PURPOSE = frozenset({"1", "15", "16", "22"})
"""HoldReasonCodes of a job that will go on: held by somebody, submitted so, or still spooling."""

OUT_OF_TIME = frozenset({"46", "47"})
"""HoldReasonCodes: the allowed duration of a job, or of its execution, is over."""

HISTORY_LINES = 20_000
"""Of the history are searched at most, from its end: on a busy host it has gigabytes."""

TRANSIENT = re.compile(
    r"failed to connect to|can't find address of|can't contact|unable to (?:connect|contact)"
    r"|max_jobs|number of (?:submitted|running) jobs would exceed|too many jobs|schedd.{0,20}busy"
    r"|connection refused|authenticat\w+ .{0,20}time",
    re.IGNORECASE,
)
"""Refusals that pass: the queue's daemon is away, or the user has enough jobs in it."""

UNCERTAIN = re.compile(
    r"failed to commit|timed? ?out|connection (?:reset|closed|aborted)|broken pipe"
    r"|failed to (?:read|receive) (?:the )?(?:answer|reply)",
    re.IGNORECASE,
)
"""The answer was lost on its way: the job may exist."""

_LISTED = "ClusterId ProcId JobStatus HoldReasonCode RemoteHost JobBatchName HoldReason"
_KEPT = (
    "ClusterId ProcId JobStatus ExitCode ExitBySignal ExitSignal LastRemoteHost JobBatchName "
    "RemoveReason"
)


class Condor:
    """HTCondor's commands over SSH, as a :class:`~towline.engine.scheduler.Scheduler`.

    Args:
        facts: of the cluster; they know where a site keeps commands that are not on the PATH.

    """

    name = "condor"
    submit_command = "condor_submit"
    cancel_command = "condor_rm"
    settle_seconds = 5.0
    """From leaving the queue to standing in the history."""

    def __init__(self, facts: ClusterFacts | None = None) -> None:
        self._path = path_line(facts, "condor_submit") if facts else ""

    def list_script(self, prefix: str) -> str:
        """Return a script that lists this user's jobs in the queue."""
        return (
            f"{self._path}{_ask(_LISTED)} || {{ echo '@@failed'; exit 0; }}\n"
            f"{_pick(6, prefix)}\n"
            "echo '@@end'\n"
        )

    def read_list(self, output: str) -> list[Observation]:
        """Read the columns, divided by tabs."""
        lines = output.splitlines()
        if not lines or lines[-1] != "@@end":
            raise NotObserved("condor_q did not answer")
        return [_in_queue(*line.split("\t", 6)) for line in lines[:-1] if line.count("\t") >= 6]

    def detail_script(self, job_ids: Sequence[str]) -> str:
        """Return a script that asks the history about jobs by id."""
        history = bounded(f"condor_history -scanlimit {HISTORY_LINES} -limit {len(job_ids)}")
        return f"{self._path}{history} {quote(*job_ids)} -af:t {_KEPT} && echo '@@end'\n"

    def read_detail(self, output: str) -> list[Observation]:
        """Read the columns, divided by tabs."""
        lines = output.splitlines()
        if not lines or lines[-1] != "@@end":
            raise NotObserved("condor_history did not answer")
        return [_left(*line.split("\t", 8)) for line in lines[:-1] if line.count("\t") >= 8]

    def living_script(self, prefix: str) -> str:
        """Return a script that prints the ids of this user's jobs in the queue."""
        ids = "awk -F'\\t' '{print $1 \".\" $2}'"
        return f"{self._path}{_ask(_LISTED)} || exit 1\n{_pick(6, prefix)} | {ids}\n"

    def cancel_script(self, job_ids: Sequence[str]) -> str:
        """Return a script that removes jobs; those that have ended are no error."""
        return f"{self._path}{bounded('condor_rm')} {quote(*job_ids)}\n"

    def read_refusal(self, words: str) -> Refusal:
        """Read condor_submit's complaints."""
        text = " ".join(words.replace("ERROR: ", "").split())
        uncertain = bool(UNCERTAIN.search(text))
        return Refusal(
            words=text or "condor_submit said nothing",
            certain=not uncertain,
            transient=uncertain or bool(TRANSIENT.search(text)),
        )


def _ask(columns: str) -> str:
    return f'out=$({bounded("condor_q")} "$(id -un)" -af:t {columns})'


def _pick(column: int, prefix: str) -> str:
    return f"printf '%s\\n' \"$out\" | awk -F'\\t' -v p={quote(prefix)} 'index(${column}, p) == 1'"


def _in_queue(
    cluster: str, process: str, status: str, hold: str, host: str, name: str, why: str
) -> Observation:
    job_id, node = f"{cluster}.{process}", _known(host).rpartition("@")[2]
    if status == IDLE:
        return Observation(job_id, name, BlockState.QUEUED)
    if status in (RUNNING, TRANSFERRING):
        return Observation(job_id, name, BlockState.RUNNING, nodes=node)
    if status == SUSPENDED:
        return Observation(job_id, name, BlockState.RUNNING, None, "suspended", node)
    if status == HELD and hold in HELD_ON_PURPOSE:
        return Observation(job_id, name, BlockState.QUEUED, None, f"held: {_known(why)}")
    if status == HELD:
        outcome = JobState.TIMEOUT if hold in OUT_OF_TIME else JobState.FAILED
        reason = f"held ({hold}): {_known(why)}"
        return Observation(job_id, name, BlockState.ENDED, outcome, reason, stuck=True)
    # removed or completed, and on its way into the history: that will say how it ended
    return Observation(job_id, name, None, None, f"status {status}", node)


def _left(
    cluster: str,
    process: str,
    status: str,
    code: str,
    by_signal: str,
    signal: str,
    host: str,
    name: str,
    why: str,
) -> Observation:
    if status == COMPLETED and by_signal == "true":
        outcome, reason = JobState.FAILED, f"ended by signal {signal}"
    elif status == COMPLETED:
        outcome = JobState.COMPLETED if code == "0" else JobState.FAILED
        reason = "completed" if code == "0" else f"exit code {_known(code) or 'unknown'}"
    elif status == REMOVED and "PeriodicRemove" in why:
        outcome, reason = JobState.TIMEOUT, "time limit reached"
    else:
        outcome = JobState.CANCELLED if status == REMOVED else JobState.FAILED
        reason = _known(why) or f"left the queue with status {status}"
    node = _known(host).rpartition("@")[2]
    return Observation(f"{cluster}.{process}", name, BlockState.ENDED, outcome, reason, node)


def _known(value: str) -> str:
    return "" if value == "undefined" else value
