"""What an executor definition means to every provider."""

from __future__ import annotations

from typing import Any

from towline.clusters import ClusterFacts
from towline.engine.definitions import ExecutorDefinition


def block_options(wanted: ExecutorDefinition) -> dict[str, Any]:
    """Return how many blocks Parsl may ask for."""
    return {
        "init_blocks": wanted.init_blocks,
        "min_blocks": wanted.min_blocks,
        "max_blocks": wanted.max_blocks,
        "parallelism": wanted.parallelism,
    }


def cores(wanted: ExecutorDefinition, facts: ClusterFacts) -> int | None:
    """Return the cores that a job asks for on a node; None: what the site gives unasked.

    ``cores_per_node`` when given, else what ``tasks_per_node`` needs, else a whole node of the
    partition.
    """
    if wanted.cores_per_node:
        return wanted.cores_per_node
    if wanted.tasks_per_node:
        return max(1, -(-int(wanted.tasks_per_node * wanted.cores_per_worker * 1000) // 1000))
    partition = facts.partition(wanted.partition) if wanted.partition else facts.default_partition()
    return (partition.cpus_per_node or None) if partition else None


def hours(minutes: int) -> str:
    """Return minutes as ``HH:MM:00``."""
    return f"{minutes // 60:02}:{minutes % 60:02}:00"
