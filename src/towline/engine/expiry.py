"""What the agent on a controller does for us when the workspace has been gone too long."""

from __future__ import annotations

from towline.clusters import ClusterFacts
from towline.engine.leftovers import SHELL_FUNCTIONS
from towline.engine.schedulers import scheduler_of
from towline.engine.schedulers.commands import bounded, path_line
from towline.engine.site_names import job_prefix, run_folder_on
from towline.ssh import quote

_JOBS = """\
living() {
@LIVING@}
until=$(($(date +%s) + @ASK@))
until ids=$(living); do
  [ "$(date +%s)" -lt "$until" ] || break
  sleep 5
done
[ -z "$ids" ] || { @CANCEL@; }
"""

ASK_SECONDS = 40
"""After this, a scheduler that has given no answer is asked no more.

The rest of the agent's 120 s is for one more asking that has just begun, of two commands with 20 s
each (PBS), for the cancellation (20 s), and for the end of the processes before.
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

    The agent gives it 120 s; a scheduler that hangs is asked again for `ASK_SECONDS`.
    Jobs that could not be cancelled end by themselves: their workers find no agent any more.
    """
    processes = _PROCESSES.replace("@FOLDER@", quote(run_folder_on(facts, tag)))
    scheduler = scheduler_of(facts)
    if scheduler is None:
        return SHELL_FUNCTIONS + processes
    cancel = f"{path_line(facts, scheduler.submit_command)}{bounded(scheduler.cancel_command)} $ids"
    jobs = _JOBS.replace("@ASK@", str(ASK_SECONDS))
    jobs = jobs.replace("@LIVING@", scheduler.living_script(job_prefix(tag)))
    return SHELL_FUNCTIONS + processes + jobs.replace("@CANCEL@", cancel)
