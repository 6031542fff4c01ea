"""Blocks as Slurm jobs."""

from __future__ import annotations

from parsl.launchers import SimpleLauncher, SrunLauncher
from parsl.providers import SlurmProvider

from towline.engine.definitions import ExecutorDefinition
from towline.engine.over_ssh import OverSSH
from towline.engine.providers.common import block_options, cores, hours
from towline.engine.schedulers.slurm import Slurm
from towline.engine.site import Site


class SlurmOverSSH(OverSSH, SlurmProvider):
    """Parsl's SlurmProvider with its commands on a controller behind SSH."""

    submit_command = "sbatch"


class SrunOnCluster(SrunLauncher):
    """Parsl's SrunLauncher, which writes its script into the run's folder on the cluster.

    Parsl gives it the workspace's folder; where that does not exist it litters the apps' own.
    """

    def __init__(self, folder: str) -> None:
        super().__init__(debug=False)
        self._folder = folder

    def __call__(
        self, command: str, tasks_per_node: int, nodes_per_block: int, script_dir: str = ""
    ) -> str:
        """Return the command, started once on each node."""
        return str(super().__call__(command, tasks_per_node, nodes_per_block, self._folder))


def slurm_provider(site: Site, label: str, wanted: ExecutorDefinition) -> SlurmOverSSH:
    """Return the provider of an executor whose workers run in Slurm jobs."""
    directives = [*wanted.scheduler_options, f"#SBATCH --comment=towline:{site.tag}"]
    if wanted.reservation:
        directives.append(f"#SBATCH --reservation={wanted.reservation}")
    return SlurmOverSSH(
        site,
        site.batch(Slurm(site.facts)),
        label,
        partition=wanted.partition,
        account=wanted.account,
        qos=wanted.qos,
        constraint=wanted.constraint,
        gres=wanted.gres,
        gpus_per_node=wanted.gpus_per_node,
        nodes_per_block=wanted.nodes,
        cores_per_node=cores(wanted, site.facts),
        mem_per_node=wanted.mem_per_node,
        exclusive=wanted.exclusive,
        walltime=hours(wanted.walltime_minutes),
        scheduler_options="\n".join(directives),
        worker_init="\n".join(wanted.worker_init),
        launcher=(
            SrunOnCluster(f"{site.folder}/jobs")
            if wanted.nodes > 1 and not wanted.mpi
            else SimpleLauncher()
        ),
        **block_options(wanted),
    )
