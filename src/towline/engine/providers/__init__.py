"""Parsl's providers as Towline uses them, over SSH: one file each, and the table of all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from towline.engine.definitions import ExecutorDefinition
from towline.engine.providers.on_controller import controller_provider
from towline.engine.providers.slurm import slurm_provider
from towline.engine.site import Site

PROVIDERS: dict[str, Callable[[Site, str, ExecutorDefinition], Any]] = {
    "controller": controller_provider,
    "slurm": slurm_provider,
}
"""Kind of provider: a function of site, executor label and definition that makes one."""

__all__ = ["PROVIDERS"]
