"""The schedulers' commands, and how their answers are read: one file each."""

from __future__ import annotations

from collections.abc import Callable

from towline.clusters import ClusterFacts
from towline.engine.scheduler import Scheduler
from towline.engine.schedulers.slurm import Slurm

SCHEDULERS: dict[str, Callable[[ClusterFacts], Scheduler]] = {
    "slurm": Slurm,
}
"""By the name that cluster types, ``ClusterFacts.scheduler`` and ``provider`` use."""

__all__ = ["SCHEDULERS", "scheduler_of"]


def scheduler_of(facts: ClusterFacts) -> Scheduler | None:
    """Return a cluster's scheduler; None where there is none that we know."""
    make = SCHEDULERS.get(facts.scheduler or "")
    return make(facts) if make else None
