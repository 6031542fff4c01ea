"""Parsl's MPIExecutor over the link: each app gets nodes of its block, and starts MPI there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from parsl.executors import MPIExecutor

from towline.engine.definitions import ExecutorDefinition
from towline.engine.executor import RemoteExecutor

NOT_ITS_OWN = (
    "available_accelerators",
    "cores_per_worker",
    "manager_selector",
    "max_workers_per_node",
    "mem_per_worker",
)
"""HighThroughputExecutor's options that MPIExecutor does not take: it sets or lacks them."""


class RemoteMpiExecutor(RemoteExecutor, MPIExecutor):
    """One worker pool on a block's first node, whose apps run MPI programs over its nodes.

    An app's ``parsl_resource_specification`` says how many nodes and ranks it wants; in the
    app, ``$PARSL_MPI_PREFIX`` is the command that starts a program so.
    """

    def __init__(self, *, interchange_launch_cmd: Sequence[str], **options: Any) -> None:
        super().__init__(**options)
        # MPIExecutor's own annotation takes no list, which HighThroughputExecutor wants
        self.interchange_launch_cmd = interchange_launch_cmd


def mpi_options(common: dict[str, Any], wanted: ExecutorDefinition) -> dict[str, Any]:
    """Return the options of an MPI executor, made from those that other executors have."""
    options = {name: value for name, value in common.items() if name not in NOT_ITS_OWN}
    return {
        **options,
        "prefetch_capacity": 0,  # an app waits for its nodes in the pool, not on another node
        "mpi_launcher": wanted.mpi,
        "max_workers_per_block": wanted.mpi_apps or wanted.nodes,
    }
