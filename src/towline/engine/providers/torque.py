"""Blocks as Torque jobs."""

from __future__ import annotations

from parsl.providers import TorqueProvider

from towline.engine.definitions import ExecutorDefinition
from towline.engine.providers.common import block_options, cores, hours
from towline.engine.providers.pbs import ByQsub, launcher, qsub_directives
from towline.engine.schedulers.torque import Torque
from towline.engine.site import Site

_TEMPLATE = """\
#!/bin/bash

#PBS -S /bin/bash
#PBS -N ${jobname}
#PBS -m n
#PBS -l walltime=${walltime}
#PBS -l nodes=${nodes_per_block}:ppn=@CHUNK@
#PBS -o ${job_stdout_path}
#PBS -e ${job_stderr_path}
${scheduler_options}

${worker_init}

export JOBNAME="${jobname}"

${user_script}
"""
"""Parsl's own has workers in place of cores, and no room for GPUs or properties."""


class TorqueOverSSH(ByQsub, TorqueProvider):
    """Parsl's TorqueProvider with its commands on a controller behind SSH."""


def torque_provider(site: Site, label: str, wanted: ExecutorDefinition) -> TorqueOverSSH:
    """Return the provider of an executor whose workers run in Torque jobs."""
    chunk = [str(cores(wanted, site.facts) or 1)]
    if wanted.gpus_per_node:
        chunk.append(f"gpus={wanted.gpus_per_node}")
    if wanted.constraint:
        chunk.append(wanted.constraint)
    directives = qsub_directives(wanted)
    if wanted.mem_per_node:  # of the whole job
        directives.append(f"#PBS -l mem={wanted.mem_per_node * wanted.nodes}gb")
    if wanted.qos:
        directives.append(f"#PBS -l qos={wanted.qos}")
    if wanted.exclusive:
        directives.append("#PBS -n")
    provider = TorqueOverSSH(
        site,
        site.batch(Torque(site.facts)),
        label,
        nodes_per_block=wanted.nodes,
        walltime=hours(wanted.walltime_minutes),
        scheduler_options="\n".join([*directives, *wanted.scheduler_options]),
        worker_init="\n".join(wanted.worker_init),
        launcher=launcher(site, wanted, "pbsdsh -u /bin/bash"),
        **block_options(wanted),
    )
    provider.template_string = _TEMPLATE.replace("@CHUNK@", ":".join(chunk))
    return provider
