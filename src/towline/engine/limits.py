"""Does the cluster have what an executor asks for? Said before anything is submitted."""

from __future__ import annotations

import difflib

from towline.clusters import SUBMIT_COMMANDS, ClusterDefinition, ClusterFacts, Partition
from towline.engine.definitions import ExecutorDefinition
from towline.engine.scheduler_keys import check_keys
from towline.errors import DefinitionError, SchedulerMissing, SubmitRefused


def check_request(
    label: str,
    wanted: ExecutorDefinition,
    definition: ClusterDefinition,
    facts: ClusterFacts,
    kind: str,
) -> None:
    """Check scheduler, keys, partition, nodes and walltime against what the probe saw.

    What the probe could not observe is not checked: the scheduler has the last word.

    Args:
        kind: of provider.

    Raises:
        SchedulerMissing: its submit command is not there.
        DefinitionError: the scheduler has no such thing, or no such partition.
        SubmitRefused: the partition does not give that much.

    """
    thing = f"{definition.name}/{label}"
    check_keys(thing, kind, wanted, facts)
    if kind not in SUBMIT_COMMANDS:
        return
    command = SUBMIT_COMMANDS[kind]
    if command not in facts.tools and "tools" not in facts.unknown:
        raise SchedulerMissing(
            f"cluster {definition.name}",
            f"{command} is not on the PATH of a log-in there",
            f"towline cluster check {definition.name}; for a host without a scheduler: type: ssh",
        )
    if {kind, facts.scheduler} == {"pbs", "torque"}:  # both have a qsub, and little else in common
        raise DefinitionError(
            f"cluster {definition.name}",
            f"its qstat is that of {facts.scheduler} {facts.scheduler_version}, not of {kind}",
            f"set `type: {facts.scheduler}` in its definition",
        )
    if not facts.partitions:
        return
    if wanted.partition is None:
        partition = facts.default_partition()
        if partition is None and kind != "slurm":
            return  # the job goes wherever there is room, or to a default that is not shown
        if partition is None:
            raise DefinitionError(
                thing, "the site has no default partition", f"set `partition`: {_names(facts)}"
            )
    else:
        partition = facts.partition(wanted.partition)
        if partition is None:
            near = difflib.get_close_matches(
                wanted.partition, [part.name for part in facts.partitions], 1
            )
            raise DefinitionError(
                thing,
                f"cluster {definition.name} has no partition {wanted.partition!r}",
                f"did you mean {near[0]}?" if near else f"choose one of: {_names(facts)}",
            )
    _check_partition(thing, wanted, partition)


def _check_partition(thing: str, wanted: ExecutorDefinition, partition: Partition) -> None:
    limit = partition.max_time_minutes
    if limit is not None and wanted.walltime_minutes > limit:
        raise SubmitRefused(
            thing,
            f"walltime {wanted.walltime} is beyond partition {partition.name}'s limit of "
            f"{limit // 60:02}:{limit % 60:02}:00. Nothing was submitted.",
            "lower `walltime`, or choose another partition",
        )
    most = partition.max_nodes or partition.nodes
    if most and wanted.nodes > most:
        raise SubmitRefused(
            thing,
            f"{wanted.nodes} nodes are more than partition {partition.name} gives ({most}). "
            "Nothing was submitted.",
            "lower `nodes`",
        )
    cores = wanted.cores_per_node or 0
    if partition.cpus_per_node and cores > partition.cpus_per_node and partition.nodes == 1:
        raise SubmitRefused(
            thing,
            f"{cores} cores are more than a node of {partition.name} has "
            f"({partition.cpus_per_node}). Nothing was submitted.",
            "lower `cores_per_node`",
        )


def _names(facts: ClusterFacts) -> str:
    return ", ".join(part.name for part in facts.partitions)
