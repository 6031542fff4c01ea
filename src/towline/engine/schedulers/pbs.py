"""PBS Pro and OpenPBS (18 to 2024), and what Torque has in common with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from towline.clusters import ClusterFacts
from towline.engine.scheduler import NotObserved, Observation, Refusal
from towline.engine.schedulers.commands import bounded, path_line
from towline.engine.schedulers.pbs_answers import (
    PBS_CODES,
    PBS_STATES,
    WANTED,
    Meaning,
    check_complaints,
    observation,
    read_jobs,
)
from towline.ssh import quote

TRANSIENT = re.compile(
    r"cannot connect to server|could not connect|connection refused|can ?not establish connection"
    r"|would exceed .*limit|maximum number of jobs|resource temporarily unavailable"
    r"|no free connections|connection table full|server shutting down|server is currently too busy"
    r"|please (?:re)?try|currently not available|bad connection|pbs server internal error"
    r"|invalid credential|expired credential|unable to authenticate|trqauthd|license",
    re.IGNORECASE,
)
"""Refusals that pass: the server is away or full, or the user has enough jobs in the queue."""

UNCERTAIN = re.compile(
    r"premature end|end of file|timed? ?out|connection (?:reset|closed|aborted)|protocol error"
    r"|error reading data|socket close|broken pipe|communication failure",
    re.IGNORECASE,
)
"""The answer was lost on its way: the job may exist."""

_PICK = (
    r"""awk -v p=@PREFIX@ '
function flush() { if (id != "" && (p == "" || index(name, p) == 1)) printf "%s\n", text; id = "" }
/^Job Id:/ { flush(); id = $3; name = ""; text = $0; key = ""; next }
/^[ \t]+[A-Za-z_][A-Za-z_.]* =/ {
  key = ($1 ~ /^(@WANTED@)$/) ? $1 : ""
  if (key != "") text = text "\n" $0
  if ($1 == "Job_Name" && name == "") name = $3
  next
}
/^[ \t]/ {
  if (key == "") next
  line = $0; sub(/^[ \t]+/, "", line); text = text line
  if (key == "Job_Name") name = name line
  next
}
{ key = "" }
END { flush() }'"""
).replace("@WANTED@", "|".join(WANTED).replace(".", "[.]"))


class PbsFamily:
    """What ``qsub``, ``qstat`` and ``qdel`` have in common wherever they stand.

    Args:
        facts: of the cluster; they know where a site keeps commands that are not on the PATH.

    """

    name: str
    submit_command = "qsub"
    cancel_command = "qdel"
    settle_seconds = 0.0
    history_option = ""
    """With it, ``qstat -f`` speaks of ended jobs too."""
    states: Mapping[str, Meaning]
    codes: Mapping[int, str]

    def __init__(self, facts: ClusterFacts | None = None) -> None:
        self._path = path_line(facts, "qsub") if facts else ""

    def list_script(self, prefix: str) -> str:
        """Return a script that lists this user's jobs with their attributes.

        ``qstat -u`` cuts names off, so it only tells which jobs to ask ``qstat -f`` about.
        """
        return (
            f"{self._path}{self._mine(prefix)} || {{ echo '@@failed'; exit 0; }}\n"
            f'[ -z "$ids" ] || {_full("-f $ids", prefix)}\n'
            "echo '@@end'\n"
        )

    def read_list(self, output: str) -> list[Observation]:
        """Read the jobs; what was complained about must be an answer too."""
        return self._read(output)

    def detail_script(self, job_ids: Sequence[str]) -> str:
        """Return a script that asks about jobs by id, from the history where there is one."""
        asked = f"{self.history_option} -f {quote(*job_ids)}".lstrip()
        return f"{self._path}{_full(asked, '')}\necho '@@end'\n"

    def read_detail(self, output: str) -> list[Observation]:
        """Read the answer; where no history is kept, an ended job is not in it."""
        return self._read(output)

    def living_script(self, prefix: str) -> str:
        """Return a script that prints the ids of this user's jobs that have not ended."""
        return (
            f"{self._path}{self._mine(prefix)} || exit 1\n"
            '[ -n "$ids" ] || exit 0\n'
            f'full=$({bounded("qstat")} -f $ids 2>/dev/null); [ -n "$full" ] || exit 1\n'
            f"printf '%s\\n' \"$full\" | {_pick(prefix)} | "
            "awk '/^Job Id:/ { id = $3 } $1 == \"job_state\" && $3 !~ /[CFX]/ { print id }'\n"
        )

    def cancel_script(self, job_ids: Sequence[str]) -> str:
        """Return a script that deletes jobs; those that have ended are no error."""
        return f"{self._path}{bounded('qdel')} {quote(*job_ids)}\n"

    def read_refusal(self, words: str) -> Refusal:
        """Read qsub's standard error."""
        text = re.sub(r"^qsub: ", "", words.strip(), flags=re.MULTILINE)
        uncertain = bool(UNCERTAIN.search(text))
        return Refusal(
            words=text or "qsub said nothing",
            certain=not uncertain,
            transient=uncertain or bool(TRANSIENT.search(text)),
        )

    def _mine(self, prefix: str) -> str:
        """Return a command that sets ``ids`` to the jobs that may be ours, and fails when unsure.

        Names are cut off in this listing; of another's job with a like name nothing is lost but
        a look at it.
        """
        return (
            f'out=$({bounded("qstat")} -u "$(id -un)") && '
            f"ids=$(printf '%s\\n' \"$out\" | awk -v p={quote(prefix[:3])} "
            "'/^[0-9]/ && index($4, p) == 1 { sub(/[.].*/, \"\", $1); print $1 }')"
        )

    def _read(self, output: str) -> list[Observation]:
        lines = output.splitlines()
        if lines[-1:] != ["@@end"]:
            raise NotObserved("qstat did not answer")
        said = [line.removeprefix("@@error|") for line in lines if line.startswith("@@error|")]
        check_complaints(said)
        jobs = read_jobs("\n".join(line for line in lines if not line.startswith("@@")))
        return [observation(job_id, facts, self.states, self.codes) for job_id, facts in jobs]


class PbsPro(PbsFamily):
    """PBS Pro's and OpenPBS's commands over SSH, as a Scheduler."""

    name = "pbs"
    history_option = "-x"
    states = PBS_STATES
    codes = PBS_CODES


def _pick(prefix: str) -> str:
    return _PICK.replace("@PREFIX@", quote(prefix))


def _full(arguments: str, prefix: str) -> str:
    """Return a command that prints jobs' wanted attributes, and what qstat complained of."""
    ask = f'{{ {bounded("qstat")} {arguments} || echo "@@code=$?" >&2; }}'
    return f"{{ {{ {ask} | {_pick(prefix)}; }} 2>&1 >&3 | sed 's/^/@@error|/'; }} 3>&1"
