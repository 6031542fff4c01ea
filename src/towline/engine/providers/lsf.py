"""Blocks as LSF jobs."""

from __future__ import annotations

import re
from typing import Any

from parsl.providers import LSFProvider
from parsl.providers.cluster_provider import ClusterProvider

from towline.engine.definitions import ExecutorDefinition
from towline.engine.over_ssh import OverSSH
from towline.engine.providers.common import block_options, cores, hours
from towline.engine.providers.pbs import launcher
from towline.engine.scheduler_keys import old_lsf
from towline.engine.schedulers.lsf import Lsf
from towline.engine.site import Site

_ON_ALL_HOSTS = "blaunch -z \"$(sort -u \"$LSB_DJOB_HOSTFILE\" | tr '\\n' ' ')\" /bin/bash"


class _Underneath(ClusterProvider):
    """Stands below LSFProvider, whose ``submit`` asks its own parent class to run bsub."""

    def execute_wait(self, cmd: str, timeout: float | None = None) -> tuple[int, str, str]:
        """Run a command of Parsl's provider on the controller."""
        over_ssh: Any = self
        return OverSSH.execute_wait(over_ssh, cmd, timeout)


class LsfOverSSH(OverSSH, LSFProvider, _Underneath):
    """Parsl's LSFProvider with its commands on a controller behind SSH."""

    submit_command = "bsub"
    job_id_form = re.compile(r"[0-9]+")
    output_suffix = ".submit"


def lsf_provider(site: Site, label: str, wanted: ExecutorDefinition) -> LsfOverSSH:
    """Return the provider of an executor whose workers run in LSF jobs."""
    on_a_node = cores(wanted, site.facts) or 1
    return LsfOverSSH(
        site,
        site.batch(Lsf(site.facts)),
        label,
        request_by_nodes=False,
        cores_per_block=on_a_node * wanted.nodes,
        cores_per_node=on_a_node,
        bsub_redirection=True,
        project=wanted.account,
        queue=wanted.partition,
        walltime=hours(wanted.walltime_minutes),
        scheduler_options="\n".join([*_directives(site, wanted), *wanted.scheduler_options]),
        worker_init="\n".join(wanted.worker_init),
        launcher=launcher(site, wanted, _ON_ALL_HOSTS),
        **block_options(wanted),
    )


def _directives(site: Site, wanted: ExecutorDefinition) -> list[str]:
    directives = []
    modern = not old_lsf(site.facts)  # units in rusage came with 10.1
    if wanted.constraint:
        directives.append(f'#BSUB -R "select[{wanted.constraint}]"')
    if wanted.mem_per_node:
        amount = f"{wanted.mem_per_node}GB" if modern else str(wanted.mem_per_node * 1024)
        directives.append(f'#BSUB -R "rusage[mem={amount}]"')
    if wanted.gpus_per_node:
        directives.append(f'#BSUB -gpu "num={wanted.gpus_per_node}"')
    if wanted.reservation:
        directives.append(f"#BSUB -U {wanted.reservation}")
    if wanted.exclusive:
        directives.append("#BSUB -x")
    return directives
