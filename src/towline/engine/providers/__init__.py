"""Parsl's providers as Towline uses them, over SSH: one file each, and the table of all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from towline.engine.definitions import ExecutorDefinition
from towline.engine.providers.condor import condor_provider
from towline.engine.providers.gridengine import gridengine_provider
from towline.engine.providers.lsf import lsf_provider
from towline.engine.providers.on_controller import controller_provider
from towline.engine.providers.pbs import pbs_provider
from towline.engine.providers.slurm import slurm_provider
from towline.engine.providers.torque import torque_provider
from towline.engine.site import Site

PROVIDERS: dict[str, Callable[[Site, str, ExecutorDefinition], Any]] = {
    "controller": controller_provider,
    "lsf": lsf_provider,
    "pbs": pbs_provider,
    "slurm": slurm_provider,
    "gridengine": gridengine_provider,
    "condor": condor_provider,
    "torque": torque_provider,
}
"""Kind of provider: a function of site, executor label and definition that makes one."""

__all__ = ["PROVIDERS"]
