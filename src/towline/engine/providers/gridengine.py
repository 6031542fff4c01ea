"""Blocks as Grid Engine jobs."""

from __future__ import annotations

from parsl.launchers import SimpleLauncher
from parsl.providers import GridEngineProvider

from towline.clusters import ClusterFacts
from towline.engine.definitions import ExecutorDefinition
from towline.engine.over_ssh import OverSSH
from towline.engine.providers.common import block_options, cores, hours
from towline.engine.schedulers.gridengine import GridEngine
from towline.engine.site import Site
from towline.errors import DefinitionError
from towline.ssh import quote

PARALLEL = "set `cores_per_node: 1`, or name one as `#$ -pe NAME SLOTS` in scheduler_options"


class GridEngineOverSSH(OverSSH, GridEngineProvider):
    """Parsl's GridEngineProvider with its commands on a controller behind SSH."""

    submit_command = "qsub"
    output_suffix = ".submit"

    def submit_arguments(self, job_name: str) -> str:
        """Return the options that Parsl's job script has no line for."""
        return f"-terse -N {quote(job_name)}"


def gridengine_provider(site: Site, label: str, wanted: ExecutorDefinition) -> GridEngineOverSSH:
    """Return the provider of an executor whose workers run in Grid Engine jobs.

    Raises:
        DefinitionError: more than one slot is wanted, and the site has nothing to ask for them.

    """
    slots = cores(wanted, site.facts) or 1
    provider = GridEngineOverSSH(
        site,
        site.batch(GridEngine(site.facts)),
        label,
        walltime=hours(wanted.walltime_minutes),
        scheduler_options="\n".join(_directives(f"{site.name}/{label}", slots, wanted, site.facts)),
        worker_init="\n".join(wanted.worker_init),
        launcher=SimpleLauncher(),
        **block_options(wanted),
    )
    provider.cores_per_node = slots
    return provider


def _directives(
    thing: str, slots: int, wanted: ExecutorDefinition, facts: ClusterFacts
) -> list[str]:
    lines = ["#$ -r y"]  # a job whose node is lost goes back to the queue
    users = wanted.scheduler_options
    if slots > 1 and not any(line.split()[1:2] == ["-pe"] for line in users):
        lines.append(f"#$ -pe {_parallel_environment(thing, slots, facts)} {slots}")
    if wanted.partition:
        lines.append(f"#$ -q {wanted.partition}")
    if wanted.account:
        lines.append(f"#$ -P {wanted.account}")
    if wanted.reservation:
        lines.append(f"#$ -ar {wanted.reservation}")
    if wanted.gpus_per_node:
        lines.append(f"#$ -l gpu={wanted.gpus_per_node}")
    if wanted.constraint:
        lines.append(f"#$ -l {wanted.constraint}")
    if wanted.exclusive:
        lines.append("#$ -l exclusive=true")
    return [*lines, *users]


def _parallel_environment(thing: str, slots: int, facts: ClusterFacts) -> str:
    if not facts.parallel_environments:
        raise DefinitionError(
            f"{thing}.cores_per_node",
            f"{slots} cores on one node need a parallel environment with allocation rule "
            f"$pe_slots, and `qconf -spl` shows none",
            PARALLEL,
        )
    usual = [name for name in facts.parallel_environments if name.lower().startswith(("smp", "sh"))]
    return (usual or list(facts.parallel_environments))[0]
