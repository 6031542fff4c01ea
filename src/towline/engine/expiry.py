"""What the agent on a controller does for us when the workspace has been gone too long."""

from __future__ import annotations

from towline.clusters import ClusterFacts
from towline.engine.leftovers import SHELL_FUNCTIONS
from towline.engine.site_names import job_prefix, run_folder_on
from towline.ssh import quote

_SLURM = """\
n=0
until jobs=$(squeue --noheader --user="$(id -un)" --format='%i|%j'); do
  n=$((n+1)); [ "$n" -lt 40 ] || break
  sleep 15
done
for id in $(printf '%s\\n' "$jobs" | awk -F'|' -v p=@PREFIX@ 'index($2, p) == 1 {print $1}'); do
  scancel "$id"
done
"""

_PROCESSES = """\
folder=@FOLDER@
for pid in $(groups "$folder"); do kill -s TERM -- "-$pid" 2>/dev/null; done
sleep 3
for pid in $(groups "$folder"); do kill -s KILL -- "-$pid" 2>/dev/null; done
rm -rf "$folder/certs"
"""


def expiry_script(facts: ClusterFacts, tag: str) -> str:
    """Return the script that ends a run's jobs and processes; the logs stay to be fetched.

    A scheduler that does not answer is asked again for ten minutes.
    """
    jobs = _SLURM.replace("@PREFIX@", quote(job_prefix(tag))) if facts.scheduler == "slurm" else ""
    processes = _PROCESSES.replace("@FOLDER@", quote(run_folder_on(facts, tag)))
    return SHELL_FUNCTIONS + jobs + processes
