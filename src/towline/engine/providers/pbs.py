"""Blocks as jobs of PBS Pro or OpenPBS, and what Torque's have in common with them."""

from __future__ import annotations

import re

from parsl.launchers import SimpleLauncher
from parsl.launchers.base import Launcher
from parsl.providers import PBSProProvider

from towline.engine.definitions import ExecutorDefinition
from towline.engine.over_ssh import OverSSH
from towline.engine.providers.common import block_options, cores, hours
from towline.engine.providers.once_a_node import OnceANode
from towline.engine.schedulers.pbs import PbsPro
from towline.engine.site import Site
from towline.ssh import quote


class ByQsub(OverSSH):
    """Submits with PBS's ``qsub``, which takes a script by its path only, wherever it stands."""

    submit_command = "qsub"
    job_id_form = re.compile(r"[0-9]+(\[[0-9]*\])?(\.\S+)?")

    def submit_shell(self, job_name: str) -> str:
        """Return the lines that keep the script beside the job's output and submit it."""
        script, out, err = (quote(f"{job_name}.{end}") for end in ("sh", "stdout", "stderr"))
        # the directives say so too, but Slurm's wrapper of qsub does not hear them
        output = f'-o "$PWD"/{out} -e "$PWD"/{err}'
        submit = f"{super().submit_shell(job_name)} {output} {script} </dev/null"
        return f"cat > {script} || exit 1\n{submit}"


class PbsProOverSSH(ByQsub, PBSProProvider):
    """Parsl's PBSProProvider with its commands on a controller behind SSH."""


def pbs_provider(site: Site, label: str, wanted: ExecutorDefinition) -> PbsProOverSSH:
    """Return the provider of an executor whose workers run in jobs of PBS Pro."""
    chunk = []
    if wanted.mem_per_node:
        chunk.append(f"mem={wanted.mem_per_node}gb")
    if wanted.gpus_per_node:
        chunk.append(f"ngpus={wanted.gpus_per_node}")
    if wanted.constraint:
        chunk.append(wanted.constraint)
    directives = [*qsub_directives(wanted), *wanted.scheduler_options]
    if wanted.nodes > 1 or wanted.exclusive:
        place = "scatter" if wanted.nodes > 1 else "free"
        directives.insert(0, f"#PBS -l place={place}{':excl' if wanted.exclusive else ''}")
    return PbsProOverSSH(
        site,
        site.batch(PbsPro(site.facts)),
        label,
        nodes_per_block=wanted.nodes,
        cpus_per_node=cores(wanted, site.facts) or 1,
        select_options=":".join(chunk),
        walltime=hours(wanted.walltime_minutes),
        scheduler_options="\n".join(directives),
        worker_init="\n".join(wanted.worker_init),
        launcher=launcher(site, wanted, "pbsdsh -- /bin/bash"),
        **block_options(wanted),
    )


def qsub_directives(wanted: ExecutorDefinition) -> list[str]:
    """Return the directives that PBS Pro and Torque share."""
    directives = [f"#PBS -q {wanted.partition}"] if wanted.partition else []
    return directives + ([f"#PBS -A {wanted.account}"] if wanted.account else [])


def launcher(site: Site, wanted: ExecutorDefinition, on_all_nodes: str) -> Launcher:
    """Return what starts workers on all nodes of a block; MPI starts its own processes there."""
    spread = wanted.nodes > 1 and not wanted.mpi
    return OnceANode(f"{site.folder}/jobs", on_all_nodes) if spread else SimpleLauncher()
