"""Parsl's providers as Towline uses them: over SSH, or on this machine."""

from __future__ import annotations

from typing import Any

from parsl.launchers import SimpleLauncher, SrunLauncher
from parsl.providers import SlurmProvider

from towline.clusters import ClusterFacts
from towline.engine.controller import ControllerBatch, ControllerProcesses
from towline.engine.definitions import ExecutorDefinition
from towline.engine.over_ssh import OverSSH
from towline.engine.site import Site
from towline.engine.slurm import Slurm, path_line


class SlurmOverSSH(OverSSH, SlurmProvider):
    """Parsl's SlurmProvider with its commands on a controller behind SSH."""

    submit_command = "sbatch"

    def submit_shell(self, job_name: str) -> str:
        """Return the lines that find and run ``sbatch``."""
        return path_line(self._site.facts) + super().submit_shell(job_name)


class ControllerOverSSH(OverSSH, ControllerBatch):
    """Blocks as plain processes on the controller, without a scheduler."""

    submit_command = ControllerBatch.start_command

    def submit_shell(self, job_name: str) -> str:
        """Return the lines that start the script on stdin as a process group of its own."""
        return self.start_shell(job_name)


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
    """Return the provider of an executor whose workers run in Slurm jobs.

    A job asks for the cores that its workers use: ``cores_per_node`` when given, else what
    ``tasks_per_node`` needs, else a whole node of the partition.
    """
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
        cores_per_node=_cores(wanted, site.facts),
        mem_per_node=wanted.mem_per_node,
        exclusive=wanted.exclusive,
        walltime=_hours(wanted.walltime_minutes),
        scheduler_options="\n".join(directives),
        worker_init="\n".join(wanted.worker_init),
        launcher=SrunOnCluster(f"{site.folder}/jobs") if wanted.nodes > 1 else SimpleLauncher(),
        **_blocks(wanted),
    )


def controller_provider(site: Site, label: str, wanted: ExecutorDefinition) -> ControllerOverSSH:
    """Return the provider of an executor whose workers run on the controller itself."""
    return ControllerOverSSH(
        site,
        site.batch(ControllerProcesses(site.folder)),
        label,
        walltime=_hours(wanted.walltime_minutes),
        worker_init="\n".join(wanted.worker_init),
        **_blocks(wanted),
    )


def _blocks(wanted: ExecutorDefinition) -> dict[str, Any]:
    return {
        "init_blocks": wanted.init_blocks,
        "min_blocks": wanted.min_blocks,
        "max_blocks": wanted.max_blocks,
        "parallelism": wanted.parallelism,
    }


def _cores(wanted: ExecutorDefinition, facts: ClusterFacts) -> int | None:
    if wanted.cores_per_node:
        return wanted.cores_per_node
    if wanted.tasks_per_node:
        return max(1, -(-int(wanted.tasks_per_node * wanted.cores_per_worker * 1000) // 1000))
    partition = facts.partition(wanted.partition) if wanted.partition else facts.default_partition()
    return (partition.cpus_per_node or None) if partition else None


def _hours(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}:00"
