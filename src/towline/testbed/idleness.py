"""Is a cluster idle, and how is it made so? The shell that asks each scheduler, run as root.

The commands are the real ones in ``/usr/bin``, which no fault reaches.
"""

from __future__ import annotations

from dataclasses import dataclass

from towline.testbed.spec import SchedulerName


@dataclass(frozen=True)
class Questions:
    """Shell for a controller.

    Args:
        jobs_and_nodes: prints ``job ID`` for each job and ``node NAME STATE`` for each node, the
            state being ``idle`` when it can take a job; fails while the scheduler does not answer.
        cancel_all: cancels every job of everybody.
        resume: puts a node (``{node}``) that was taken out of work into work again.
        logs: files that say what went wrong.

    """

    jobs_and_nodes: str
    cancel_all: str
    resume: str
    logs: str


_SLURM = Questions(
    jobs_and_nodes="/usr/bin/squeue -h -o 'job %A' && /usr/bin/sinfo -h -N -o 'node %N %T'",
    cancel_all='jobs=$(/usr/bin/squeue -h -o %A) || exit; [ -z "$jobs" ] || /usr/bin/scancel $jobs',
    resume="/usr/bin/scontrol update NodeName={node} State=RESUME",
    logs="/var/log/slurm/*.log /var/log/slurm/*.out",
)

# The sixth column of a queue instance is its state: there is none when all is well.
_GRIDENGINE = Questions(
    jobs_and_nodes="""\
jobs=$(/usr/bin/qstat -u '*') && queues=$(/usr/bin/qstat -f -q compute) || exit 1
printf '%s\\n' "$jobs" | awk '$1 ~ /^[0-9]+$/ {print "job", $1}'
printf '%s\\n' "$queues" | awk '/^compute@/ {
  sub(/.*@/, "", $1); sub(/\\..*/, "", $1)
  print "node", $1, NF == 5 && $4 != "-NA-" ? "idle" : "down*"
}'
""",
    cancel_all="/usr/bin/qdel -f -u '*' >/dev/null",
    resume="/usr/bin/qmod -c compute@{node}",
    logs="/var/log/sge_*.out /var/spool/gridengine/qmaster/messages",
)

_CONDOR = Questions(
    jobs_and_nodes="""\
jobs=$(/usr/bin/condor_q -allusers -af ClusterId) || exit 1
slots=$(/usr/bin/condor_status -af Machine State) || exit 1
[ -z "$jobs" ] || printf 'job %s\\n' $jobs
printf '%s\\n' "$slots" | awk '
  NF {sub(/\\..*/, "", $1); busy[$1] += $2 != "Unclaimed"}
  END {for (name in busy) print "node", name, busy[name] ? "busy" : "idle"}'
""",
    cancel_all="/usr/bin/condor_rm -all >/dev/null 2>&1; /usr/bin/condor_rm -all -forcex",
    resume=":",
    logs="/var/log/condor.out /var/log/condor/*Log",
)

QUESTIONS: dict[SchedulerName, Questions] = {
    "slurm": _SLURM,
    "gridengine": _GRIDENGINE,
    "condor": _CONDOR,
}
