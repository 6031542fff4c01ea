"""What the agent on a controller does for us when the workspace has been gone too long."""

from __future__ import annotations

from towline.clusters import ClusterFacts
from towline.engine.leftovers import SHELL_FUNCTIONS
from towline.engine.site_names import job_prefix, run_folder_on
from towline.engine.slurm import path_line
from towline.ssh import quote

_SLURM = """\
n=0
until jobs=$(@BOUNDED@ squeue --noheader --user="$(id -un)" --format='%i|%j'); do
  n=$((n+1)); [ "$n" -lt 4 ] || break
  sleep 5
done
ids=$(printf '%s\\n' "$jobs" | awk -F'|' -v p=@PREFIX@ 'index($2, p) == 1 {print $1}')
[ -z "$ids" ] || @BOUNDED@ scancel $ids
"""

_PROCESSES = """\
folder=@FOLDER@
pids=$(groups "$folder")
for pid in $pids; do kill -TERM "-$pid" 2>/dev/null; done
[ -z "$pids" ] || sleep 3
for pid in $(groups "$folder"); do kill -KILL "-$pid" 2>/dev/null; done
"""


def expiry_script(facts: ClusterFacts, tag: str) -> str:
    """Return the script that ends a run's processes and jobs; the logs stay to be fetched.

    The agent gives it 120 s; a scheduler that hangs is asked four times. Jobs that could not be
    cancelled end by themselves: their workers find no agent any more.
    """
    processes = _PROCESSES.replace("@FOLDER@", quote(run_folder_on(facts, tag)))
    if facts.scheduler != "slurm":
        return SHELL_FUNCTIONS + processes
    jobs = _SLURM.replace("@PREFIX@", quote(job_prefix(tag)))
    bounded = "$(command -v timeout >/dev/null && echo timeout 20)"
    return SHELL_FUNCTIONS + processes + path_line(facts) + jobs.replace("@BOUNDED@", bounded)
