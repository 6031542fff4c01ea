"""Where an executor's workers run."""

from __future__ import annotations

from towline.clusters import SUBMIT_COMMANDS, ClusterDefinition
from towline.engine.definitions import ExecutorDefinition
from towline.errors import DefinitionError


def provider_kind(wanted: ExecutorDefinition, cluster: ClusterDefinition) -> str:
    """Return what the definition says, or what the cluster's type implies.

    Raises:
        DefinitionError: this machine is asked for what only a cluster has, or the reverse.

    """
    implied = cluster.scheduler or ("local" if cluster.here else "controller")
    kind = implied if wanted.provider == "auto" else wanted.provider
    other = kind in SUBMIT_COMMANDS and kind != cluster.scheduler
    if other or (kind == "local") != cluster.here:
        raise DefinitionError(
            f"executor on cluster {cluster.name}",
            f"provider {kind} does not go with a cluster of type {cluster.type}",
            "leave `provider` out, or name another cluster",
        )
    if kind == "local" and wanted.mpi:
        raise DefinitionError(
            f"executor on cluster {cluster.name}",
            "MPI programs run on nodes of a cluster, not on this machine",
            "leave `mpi` out, or name another cluster",
        )
    return kind
