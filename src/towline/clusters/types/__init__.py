"""Types of clusters as plug-ins: form, look, power."""

from __future__ import annotations

from towline.clusters.types.base import ClusterType, Power, Way
from towline.clusters.types.existing import ExistingCluster
from towline.clusters.types.registry import (
    GROUP,
    UnknownType,
    broken_types,
    cluster_types,
    look_again,
    type_named,
    type_of,
)
from towline.clusters.types.schema import form_schema

__all__ = [
    "GROUP",
    "ClusterType",
    "ExistingCluster",
    "Power",
    "UnknownType",
    "Way",
    "broken_types",
    "cluster_types",
    "form_schema",
    "look_again",
    "type_named",
    "type_of",
]
