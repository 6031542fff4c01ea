"""The schedulers' commands, and how their answers are read: one file each."""

from __future__ import annotations

from collections.abc import Callable

from towline.clusters import ClusterFacts
from towline.engine.scheduler import Scheduler
from towline.engine.schedulers.condor import Condor
from towline.engine.schedulers.gridengine import GridEngine
from towline.engine.schedulers.lsf import Lsf
from towline.engine.schedulers.pbs import PbsPro
from towline.engine.schedulers.slurm import Slurm
from towline.engine.schedulers.torque import Torque

SCHEDULERS: dict[str, Callable[[ClusterFacts], Scheduler]] = {
    "lsf": Lsf,
    "pbs": PbsPro,
    "slurm": Slurm,
    "gridengine": GridEngine,
    "condor": Condor,
    "torque": Torque,
}
"""By the name that cluster types, ``ClusterFacts.scheduler`` and ``provider`` use."""

__all__ = ["SCHEDULERS", "scheduler_of"]


def scheduler_of(facts: ClusterFacts) -> Scheduler | None:
    """Return a cluster's scheduler; None where there is none that we know."""
    make = SCHEDULERS.get(facts.scheduler or "")
    return make(facts) if make else None
