"""Where an executor's workers run."""

from __future__ import annotations

from typing import Literal

from towline.clusters import ClusterDefinition
from towline.engine.definitions import ExecutorDefinition

ProviderKind = Literal["slurm", "controller", "local"]

_BY_TYPE: dict[str, ProviderKind] = {"slurm": "slurm", "ssh": "controller", "local": "local"}


def provider_kind(wanted: ExecutorDefinition, cluster: ClusterDefinition) -> ProviderKind:
    """Return what the definition says, or what the cluster's type implies."""
    return _BY_TYPE[cluster.type] if wanted.provider == "auto" else wanted.provider
