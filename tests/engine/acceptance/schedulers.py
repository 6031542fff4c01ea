"""What the acceptance run must know of each scheduler: how to ask it, and to shorten its waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from towline.testbed import Testbed


@dataclass(frozen=True)
class Case:
    """A scheduler on a testbed cluster.

    Args:
        title: the scheduler as the docs call it.
        cluster: the testbed's.
        type: of its definition.
        version: shell that prints the scheduler's version.
        jobs: shell that prints a line for each of the user's jobs in the queue.
        submit: the command whose answer gets lost, with ``lost`` on its standard error.
        executor: keys of every executor.
        short: keys of the executor whose block is to reach its time limit.
        hasten: called with testbed, cluster and job, lets the limit come sooner than a minute.
        past_its_limit: how the scheduler's reason begins.
        fake: flavour of the fake scheduler that stands in; empty: the cluster's own, which is real.
        lost_until_back: a lost node's job ends only when the node is back.

    """

    title: str
    cluster: str
    type: str
    version: str
    jobs: str
    submit: str
    lost: str
    past_its_limit: str
    executor: Mapping[str, object] = field(default_factory=dict)
    short: Mapping[str, object] = field(default_factory=dict)
    hasten: Callable[[Testbed, str, str], None] = lambda testbed, cluster, job: None
    fake: str = ""
    lost_until_back: bool = False


def _end_soon(testbed: Testbed, cluster: str, job: str) -> None:
    """Move a Slurm job's end to three seconds from now: the same path, without the first minute."""
    controller = testbed.clusters[cluster].controller
    testbed.exec(controller, ["scontrol", "update", f"JobId={job}", "EndTime=now+3"])


def _slurm(cluster: str) -> Case:
    return Case(
        title="Slurm",
        cluster=cluster,
        type="slurm",
        version="sbatch --version | sed 's/.* //'",
        jobs="squeue -h -u $(id -un) -o %A",
        submit="sbatch",
        lost="sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
        past_its_limit="TIMEOUT",
        executor={"exclusive": True},  # the blocks are on two nodes then
        hasten=_end_soon,
    )


def _end_of_fake(testbed: Testbed, cluster: str, job: str) -> None:
    number = job.partition(".")[0]
    testbed.ssh(cluster, "cd ~/fake-batch && cat > new && mv new end-soon", input=number)


def _fake_pbs(cluster: str, flavour: str, title: str) -> Case:
    return Case(
        title=title,
        cluster=cluster,
        type=flavour,
        version="qstat --version | sed 's/.*[ :=]//'",
        jobs="qstat -u $(id -un) | awk '$10 != \"C\"'",  # Torque shows ended ones for a while
        submit="qsub",
        lost="qsub: End of File",
        past_its_limit="time limit reached",
        executor={"partition": "workq"},
        hasten=_end_of_fake,
        fake=flavour,
    )


CASES: Mapping[str, Case] = {
    "slurm22": _slurm("onprem"),
    "slurm24": _slurm("slurm24"),
    "gridengine": Case(
        title="Grid Engine (Son of Grid Engine)",
        cluster="sge",
        type="gridengine",
        version="qstat -help | sed -n '1s/^[A-Z]* //p'",
        jobs="qstat -u $(id -un)",
        submit="qsub",
        lost="error: failed receiving gdi request response for mid=1 (can't find connection).",
        past_its_limit="time limit reached",
        executor={"partition": "compute"},
        short={"scheduler_options": ["#$ -l h_rt=00:00:08"]},
    ),
    "condor": Case(
        title="HTCondor",
        cluster="condor",
        type="condor",
        version="condor_version | sed -n 's/^.CondorVersion: \\([^ ]*\\).*/\\1/p'",
        jobs="condor_q $(id -un) -af ClusterId",
        submit="condor_submit",
        lost="ERROR: Failed to commit job submission into the queue.",
        past_its_limit="held (46)",
        short={"scheduler_options": ["allowed_job_duration = 8"]},
    ),
}
"""By the name of a row in the table of docs/schedulers.md."""

FAKE_CASES: Mapping[str, Case] = {
    "fake pbs": _fake_pbs("onprem", "pbs", "PBS Pro"),
    "fake torque": _fake_pbs("cloud", "torque", "Torque"),
    "fake lsf": Case(
        title="LSF",
        cluster="onprem",
        type="lsf",
        version="bash -lc lsid | sed -n 's/^[^0-9]* \\([0-9.]*\\),.*/\\1/p'",
        jobs="bash -lc bjobs",
        submit="bsub",
        lost="Communication time out",
        past_its_limit="TERM_RUNLIMIT",
        executor={"partition": "workq"},
        hasten=_end_of_fake,
        fake="lsf",
        lost_until_back=True,
    ),
}
"""For schedulers that cannot be had: commands that answer in their words; their jobs really run."""
