"""Slurm: its commands and how their answers are read (20.11 to 25.x)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from parsl.jobs.states import JobState

from towline.clusters import ClusterFacts
from towline.engine.blocks import BlockState
from towline.engine.scheduler import NotObserved, Observation, Refusal
from towline.engine.schedulers import slurm_details
from towline.engine.schedulers.commands import bounded, path_line
from towline.ssh import quote

PENDING = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD",
                     "RESV_DEL_HOLD", "SPECIAL_EXIT"})  # fmt: skip
ACTIVE = frozenset({"RUNNING", "COMPLETING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED",
                    "RESIZING", "EXPEDITING", "POWER_UP_NODE"})  # fmt: skip
OUTCOMES = {
    "COMPLETED": JobState.COMPLETED,
    "CANCELLED": JobState.CANCELLED,
    "FAILED": JobState.FAILED,
    "TIMEOUT": JobState.TIMEOUT,
    "DEADLINE": JobState.TIMEOUT,
    "PREEMPTED": JobState.TIMEOUT,
    "NODE_FAIL": JobState.FAILED,
    "BOOT_FAIL": JobState.FAILED,
    "OUT_OF_MEMORY": JobState.FAILED,
    "REVOKED": JobState.FAILED,
    "LAUNCH_FAILED": JobState.FAILED,
    "RECONFIG_FAIL": JobState.FAILED,
}
"""Slurm's terminal states (squeue(1), JOB STATE CODES) in Parsl's words."""

STUCK = re.compile(r"launch.failed.requeued.held", re.IGNORECASE)
"""Why a job that Slurm queues will never run: it held it itself, for an administrator to look. Seen
after a controller has lost power, given a job's id a second time, and a node remembered the first.
"""

TRANSIENT = re.compile(
    r"unable to contact slurm controller|temporarily unable|resource temporarily unavailable"
    r"|MaxSubmit|submit.{0,12}limit|connection refused|communication connection failure"
    r"|slurm backup controller|controller is in standby",
    re.IGNORECASE,
)
UNCERTAIN = re.compile(
    r"timed out|zero bytes were transmitted|connection (?:reset|closed|aborted)", re.IGNORECASE
)


class Slurm:
    """Slurm's commands over SSH, as a :class:`~towline.engine.scheduler.Scheduler`.

    Args:
        facts: of the cluster; they know where a site keeps commands that are not on the PATH.

    """

    name = "slurm"
    submit_command = "sbatch"
    cancel_command = "scancel"
    settle_seconds = 0.0

    def __init__(self, facts: ClusterFacts | None = None) -> None:
        self._path = path_line(facts, "sbatch") if facts else ""

    def list_script(self, prefix: str) -> str:
        """Return a script that lists this user's jobs, ended ones of the last minutes too."""
        return (
            f"{self._path}"
            f'out=$({bounded("squeue")} --noheader --states=all --user="$(id -un)" '
            "--format='%i|%T|%r|%N|%j') || { echo '@@failed'; exit 0; }\n"
            f"printf '%s\\n' \"$out\" | awk -F'|' -v p={quote(prefix)} 'index($5, p) == 1'\n"
            "echo '@@end'\n"
        )

    def read_list(self, output: str) -> list[Observation]:
        """Read ``id|state|reason|nodes|name`` lines."""
        lines = output.splitlines()
        if not lines or lines[-1] != "@@end":
            raise NotObserved("squeue did not answer")
        return [_observation(*line.split("|", 4)) for line in lines[:-1] if line.count("|") >= 4]

    def detail_script(self, job_ids: Sequence[str]) -> str:
        """Return a script that asks scontrol, then the accounting, about jobs by id."""
        return self._path + slurm_details.script(job_ids)

    def read_detail(self, output: str) -> list[Observation]:
        """Read what scontrol and sacct said; scontrol wins.

        Of a job that scontrol has forgotten, the accounting may tell the end later: it lags by
        seconds, and slurmdbd may be down. Where there is no accounting it is forgotten for good.
        """
        return slurm_details.read(output, _observation)

    def living_script(self, prefix: str) -> str:
        """Return a script that prints the ids of this user's jobs that have not ended."""
        return (
            f"{self._path}"
            f"""jobs=$({bounded("squeue")} --noheader --user="$(id -un)" --format='%i|%j') &&\n"""
            f"printf '%s\\n' \"$jobs\" | awk -F'|' -v p={quote(prefix)} "
            "'index($2, p) == 1 {print $1}'\n"
        )

    def cancel_script(self, job_ids: Sequence[str]) -> str:
        """Return a script that cancels jobs; tells when the controller did not take it."""
        return f"{self._path}{bounded('scancel')} {quote(*job_ids)}\n"

    def read_refusal(self, words: str) -> Refusal:
        """Read sbatch's standard error."""
        text = re.sub(r"^sbatch: (?:error: )?", "", words.strip(), flags=re.MULTILINE)
        uncertain = bool(UNCERTAIN.search(text))
        return Refusal(
            words=text or "sbatch said nothing",
            certain=not uncertain,
            transient=uncertain or bool(TRANSIENT.search(text)),
        )


def _observation(job_id: str, state: str, reason: str, nodes: str, name: str) -> Observation:
    word = state.split()[0].rstrip("+") if state.split() else ""
    nodes = nodes.strip()
    if word in OUTCOMES:
        detail = f"{word} ({reason})" if reason not in ("", "None", word) else word
        return Observation(job_id, name, BlockState.ENDED, OUTCOMES[word], detail, nodes)
    if word in PENDING:
        why = "" if reason == "None" else reason
        if STUCK.fullmatch(why):
            ended = JobState.FAILED
            return Observation(job_id, name, BlockState.ENDED, ended, why, nodes, stuck=True)
        return Observation(job_id, name, BlockState.QUEUED, None, why, nodes)
    if word in ACTIVE:
        return Observation(job_id, name, BlockState.RUNNING, None, "", nodes)
    return Observation(job_id, name, None, None, f"state {state!r}", nodes)
