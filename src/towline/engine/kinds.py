"""Where an executor's workers run."""

from __future__ import annotations

from typing import Literal

from towline.clusters import ClusterDefinition
from towline.engine.definitions import ExecutorDefinition
from towline.errors import DefinitionError

ProviderKind = Literal["slurm", "controller", "local"]

_BY_TYPE: dict[str, ProviderKind] = {"slurm": "slurm", "ssh": "controller", "local": "local"}


def provider_kind(wanted: ExecutorDefinition, cluster: ClusterDefinition) -> ProviderKind:
    """Return what the definition says, or what the cluster's type implies.

    Raises:
        DefinitionError: this machine is asked for what only a cluster has, or the reverse.

    """
    kind = _BY_TYPE[cluster.type] if wanted.provider == "auto" else wanted.provider
    if (kind == "local") != (cluster.type == "local"):
        raise DefinitionError(
            f"executor on cluster {cluster.name}",
            f"provider {kind} does not go with a cluster of type {cluster.type}",
            "leave `provider` out, or name another cluster",
        )
    return kind
