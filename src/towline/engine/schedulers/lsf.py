"""LSF (9.1 to 10.1): its commands and how their answers are read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from towline.clusters import ClusterFacts
from towline.engine.scheduler import NotObserved, Observation, Refusal
from towline.engine.schedulers.commands import bounded, path_line
from towline.engine.schedulers.lsf_answers import (
    FIELDS,
    MORE_FIELDS,
    NO_SUCH_JOB,
    read_history,
    read_line,
)
from towline.ssh import quote

TRANSIENT = re.compile(
    r"pending job (?:slot )?(?:threshold|limit)|job limit|job slot limit|lsf is down"
    r"|cannot connect to lsf|please wait|try later|try again|mbatchd|batch daemon"
    r"|communication|not responding|resource temporarily unavailable|failed in an lsf library call"
    r"|unable to (?:contact|connect|reach)|request from non-lsf host",
    re.IGNORECASE,
)
UNCERTAIN = re.compile(
    r"timed? ?out|connection (?:reset|closed|aborted)|communication time ?out|end of file"
    r"|broken pipe",
    re.IGNORECASE,
)

_ASK = """\
ask() {
  bjobs_of() { @BJOBS@ -noheader -o "$1 delimiter='|'" @WHICH@; }
  answer=$(bjobs_of "@MORE@" 2>&1); code=$?
  case $answer in *pend_reason*) answer=$(bjobs_of "@FIELDS@" 2>&1); code=$? ;; esac
  printf '%s\\n' "$answer"
  echo "@@code=$code"
}
"""


class Lsf:
    """LSF's commands over SSH, as a :class:`~towline.engine.scheduler.Scheduler`.

    Args:
        facts: of the cluster; they know where a site keeps commands that are not on the PATH.

    """

    name = "lsf"
    submit_command = "bsub"
    cancel_command = "bkill"
    settle_seconds = 0.0

    def __init__(self, facts: ClusterFacts | None = None) -> None:
        self._path = path_line(facts, "bsub") if facts else ""

    def list_script(self, prefix: str) -> str:
        """Return a script that lists this user's jobs, ended ones of the last hour too."""
        return f"{self._path}{_ask(_of_prefix(prefix, '-a'))}ask\necho '@@end'\n"

    def read_list(self, output: str) -> list[Observation]:
        """Read the fields of each job."""
        return self._read(output)

    def detail_script(self, job_ids: Sequence[str]) -> str:
        """Return a script that asks bjobs by id, and the history about those it forgot."""
        return (
            f"{self._path}{_ask(quote(*job_ids))}ask\n"
            f"{bounded('bhist')} -l -n 2 {quote(*job_ids)} 2>/dev/null | sed 's/^/@@bhist|/'\n"
            "echo '@@end'\n"
        )

    def read_detail(self, output: str) -> list[Observation]:
        """Read bjobs' fields and bhist's events; bjobs wins."""
        history = [
            line.removeprefix("@@bhist|")
            for line in output.splitlines()
            if line.startswith("@@bhist|")
        ]
        found = {job.job_id: job for job in read_history(history)}
        found |= {job.job_id: job for job in self._read(output)}
        return list(found.values())

    def living_script(self, prefix: str) -> str:
        """Return a script that prints the ids of this user's jobs that have not ended."""
        return (
            f"{self._path}{_ask(_of_prefix(prefix, ''))}"
            "shown=$(ask)\n"
            "case $shown in *'@@code=0'*|*'ob found'*) ;; *) exit 1 ;; esac\n"
            "printf '%s\\n' \"$shown\" | awk -F'|' '/^[0-9]/ { print $1 }'\n"
        )

    def cancel_script(self, job_ids: Sequence[str]) -> str:
        """Return a script that kills jobs; those that have ended are no error."""
        return f"{self._path}{bounded('bkill')} {quote(*job_ids)}\n"

    def read_refusal(self, words: str) -> Refusal:
        """Read bsub's standard error."""
        text = words.strip()
        uncertain = "not submitted" not in text and bool(UNCERTAIN.search(text))
        return Refusal(
            words=text or "bsub said nothing",
            certain=not uncertain,
            transient=uncertain or bool(TRANSIENT.search(text)),
        )

    def _read(self, output: str) -> list[Observation]:
        lines = output.splitlines()
        code = next((line for line in lines if line.startswith("@@code=")), "")
        if lines[-1:] != ["@@end"] or not code:
            raise NotObserved("bjobs did not answer")
        jobs, said = [], []
        for line in lines:
            job = None if line.startswith("@@") else read_line(line)
            if job is not None:
                jobs.append(job)
            elif line.strip() and not line.startswith("@@"):
                said.append(line.strip())
        if code != "@@code=0" and not any(NO_SUCH_JOB.search(line) for line in said):
            raise NotObserved(said[-1] if said else f"bjobs gave no answer (exit {code[7:]})")
        return jobs


def _of_prefix(prefix: str, option: str) -> str:
    return f'{option} -u "$(id -un)" -J {quote(prefix + "*")}'.lstrip()


def _ask(which: str) -> str:
    """Return a shell function ``ask`` that prints bjobs' fields, complaints and exit code."""
    return (
        _ASK.replace("@BJOBS@", bounded("bjobs"))
        .replace("@WHICH@", which)
        .replace("@MORE@", MORE_FIELDS)
        .replace("@FIELDS@", FIELDS)
    )
