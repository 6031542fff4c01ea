"""Grid Engine (Sun's, Son of, Univa's, Altair's): its commands and how their answers are read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from parsl.jobs.states import JobState

from towline.clusters import ClusterFacts
from towline.engine.blocks import BlockState
from towline.engine.scheduler import NotObserved, Observation, Refusal
from towline.engine.schedulers.commands import bounded, path_line
from towline.ssh import quote

TRANSIENT = re.compile(
    r"unable to contact qmaster|unable to send message to qmaster|can't connect to service"
    r"|commlib error|got (?:select|send|read|write) error|can't (?:find|get) connection"
    r"|not allowed to submit more|too many (?:active |running |pending )?jobs|job limit"
    r"|only \d+ jobs|drop_user_jobs|max_u_jobs|max_jobs|qmaster is (?:not|shutting)",
    re.IGNORECASE,
)
"""Refusals that pass: the master is away, or the user has enough jobs in the queue."""

UNCERTAIN = re.compile(
    r"failed receiving gdi|timed? ?out|connection (?:reset|closed|aborted)|broken pipe"
    r"|error reading (?:answer|ack)",
    re.IGNORECASE,
)
"""The answer was lost on its way: the job may exist."""

RESCHEDULED = frozenset({"19", "23", "24", "25", "26"})
"""``failed`` codes (sge_status(5)) of a record after which the job goes back to the queue."""

AFTER_JOB, TIME_LIMIT = "100", "37"
"""``failed`` codes: ended by a signal; ended by the master, which keeps to ``h_rt`` itself."""

# "Full jobname" stands below each row, where the row itself cuts the name off.
_PICK = """\
printf '%s\\n' "$out" | awk -v p=@PREFIX@ '
  $1 ~ /^[0-9]+$/ && NF > 7 { id = $1; state = $5; queue = $8 ~ /@/ ? $8 : "" }
  $1 == "Full" && $2 == "jobname:" && index($3, p) == 1 { print id "|" state "|" queue "|" $3 }'
"""

_WHY = """\
while IFS='|' read -r id state rest; do
  case $state in
    *E*) echo "@@why|$id|$(@QSTAT@ -j "$id" | sed -n 's/^error reason.*[0-9]: *//p' | head -n 1)" ;;
  esac
  echo "$id|$state|$rest"
done
"""


class GridEngine:
    """Grid Engine's commands over SSH, as a :class:`~towline.engine.scheduler.Scheduler`.

    Args:
        facts: of the cluster; they know where a site keeps commands, and ``SGE_ROOT``.

    """

    name = "gridengine"
    submit_command = "qsub"
    cancel_command = "qdel"
    settle_seconds = 20.0
    """The accounting file is written every 15 s, unless the site has changed that."""

    def __init__(self, facts: ClusterFacts | None = None) -> None:
        self._path = path_line(facts, "qsub") if facts else ""

    def list_script(self, prefix: str) -> str:
        """Return a script that lists this user's jobs, and why those in error are so."""
        why = _WHY.replace("@QSTAT@", bounded("qstat"))
        return (
            f"{self._path}{_ask()} || {{ echo '@@failed'; exit 0; }}\n"
            f"{_pick(prefix).rstrip()} | {why}"
            "echo '@@end'\n"
        )

    def read_list(self, output: str) -> list[Observation]:
        """Read ``id|state|queue@node|name`` lines."""
        lines = output.splitlines()
        if not lines or lines[-1] != "@@end":
            raise NotObserved("qstat did not answer")
        reasons = dict((line.split("|", 2)[1:]) for line in lines if line.startswith("@@why|"))
        rows = [line.split("|", 3) for line in lines if line[:1].isdigit() and line.count("|") >= 3]
        return [
            _waiting_or_running(job_id, state, queue, name, reasons.get(job_id, ""))
            for job_id, state, queue, name in rows
        ]

    def detail_script(self, job_ids: Sequence[str]) -> str:
        """Return a script that asks the accounting file about ended jobs."""
        asked = "".join(f"{bounded('qacct')} -j {quote(i)} 2>&1 || :\n" for i in job_ids)
        return f"{self._path}{asked}echo '@@end'\n"

    def read_detail(self, output: str) -> list[Observation]:
        """Read the records; of a job that ran more than once the last one counts."""
        if "@@end" not in output.splitlines()[-1:]:
            raise NotObserved("qacct did not answer")
        found = {}
        for record in re.split(r"^=+$", output, flags=re.MULTILINE):
            facts = dict(re.findall(r"^(\w+) +(.*?) *$", record, re.MULTILINE))
            if "jobnumber" in facts and facts.get("failed", "").split()[:1] != []:
                found[facts["jobnumber"]] = _ended(facts)
        return [job for job in found.values() if job is not None]

    def living_script(self, prefix: str) -> str:
        """Return a script that prints the ids of this user's jobs that have not ended."""
        return f"{self._path}{_ask()} || exit 1\n{_pick(prefix).rstrip()} | cut -d'|' -f1\n"

    def cancel_script(self, job_ids: Sequence[str]) -> str:
        """Return a script that deletes jobs; those that have ended are no error."""
        return f"{self._path}{bounded('qdel')} {quote(*job_ids)}\n"

    def read_refusal(self, words: str) -> Refusal:
        """Read qsub's complaints."""
        lines = [line.strip() for line in words.splitlines()]
        text = " ".join(line for line in lines if line and line != "Exiting.")
        text = text.removeprefix("Unable to run job: ").removesuffix(" Exiting.")
        uncertain = bool(UNCERTAIN.search(text))
        return Refusal(
            words=text or "qsub said nothing",
            certain=not uncertain,
            transient=uncertain or bool(TRANSIENT.search(text)),
        )


def _ask() -> str:
    return f'out=$({bounded("qstat")} -r -u "$(id -un)")'


def _pick(prefix: str) -> str:
    return _PICK.replace("@PREFIX@", quote(prefix))


def _waiting_or_running(job_id: str, state: str, queue: str, name: str, error: str) -> Observation:
    """Read a state: letters of qstat(1), put together; a capital tells why it does not run."""
    nodes = queue.partition("@")[2]
    letters = set(state)
    if "E" in letters:
        why = f"in error state {state}" + (f": {error}" if error else "")
        return Observation(job_id, name, BlockState.ENDED, JobState.FAILED, why, nodes, stuck=True)
    if "d" in letters:  # stays so for as long as its node is away
        known = BlockState.RUNNING if letters & set("rtsST") else BlockState.QUEUED
        return Observation(job_id, name, known, None, "being deleted", nodes)
    if "q" in letters or "w" in letters:
        why = "held" if "h" in letters else "to be run again" if "R" in letters else ""
        return Observation(job_id, name, BlockState.QUEUED, None, why, nodes)
    if letters & set("sSTNP"):
        return Observation(job_id, name, BlockState.RUNNING, None, f"suspended ({state})", nodes)
    if letters & set("rt"):
        return Observation(job_id, name, BlockState.RUNNING, None, "", nodes)
    return Observation(job_id, name, None, None, f"state {state!r}", nodes)


def _ended(facts: dict[str, str]) -> Observation | None:
    """Read an accounting record; None when the job went back to the queue after it."""
    failed, code = facts["failed"].split()[0], facts.get("exit_status", "").split(" ")[0]
    words = facts["failed"].partition(":")[2].strip()
    if failed in RESCHEDULED:
        return None
    if failed == "0":
        outcome = JobState.COMPLETED if code == "0" else JobState.FAILED
        reason = "completed" if code == "0" else f"exit code {code}"
    elif failed == TIME_LIMIT or (failed == AFTER_JOB and _used_up(facts)):
        outcome, reason = JobState.TIMEOUT, "time limit reached"
    else:
        outcome = JobState.FAILED
        reason = f"failed {failed}" + (f": {words}" if words else "") + f", exit code {code}"
    return Observation(
        facts["jobnumber"],
        facts.get("jobname", ""),
        BlockState.ENDED,
        outcome,
        reason,
        facts.get("hostname", ""),
    )


def _used_up(facts: dict[str, str]) -> bool:
    """Return whether a job ran for as long as it had asked for (``-l h_rt=SECONDS``)."""
    limit = re.search(r"\bh_rt=(\d+)", facts.get("category", ""))
    ran = re.match(r"\d+", facts.get("ru_wallclock", ""))
    return bool(limit and ran and int(ran[0]) >= int(limit[1]))
