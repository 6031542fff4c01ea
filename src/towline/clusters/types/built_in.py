"""The types that come with Towline: clusters that exist, and this machine."""

from __future__ import annotations

from towline.clusters.types.base import ClusterType, Way
from towline.clusters.types.existing import ExistingCluster

EXISTING = "Existing clusters"
HOSTS = "Single hosts"


class _Slurm(ExistingCluster):
    key = scheduler = "slurm"
    title = "Slurm"
    group = EXISTING
    description = "A cluster with Slurm, reached by SSH at its controller or login node."


class _Pbs(ExistingCluster):
    key = scheduler = "pbs"
    title = "PBS"
    group = EXISTING
    description = "A cluster with PBS Professional or OpenPBS, reached by SSH."


class _Torque(ExistingCluster):
    key = scheduler = "torque"
    title = "Torque"
    group = EXISTING
    description = "A cluster with Torque, reached by SSH."


class _Lsf(ExistingCluster):
    key = scheduler = "lsf"
    title = "LSF"
    group = EXISTING
    description = "A cluster with IBM Spectrum LSF, reached by SSH."


class _GridEngine(ExistingCluster):
    key = scheduler = "gridengine"
    title = "Grid Engine"
    group = EXISTING
    description = "A cluster with Grid Engine (SGE, Son of Grid Engine, Univa), reached by SSH."


class _Condor(ExistingCluster):
    key = scheduler = "condor"
    title = "HTCondor"
    group = EXISTING
    description = "A pool of HTCondor, reached by SSH at a host that takes jobs."


class _Host(ExistingCluster):
    key = "ssh"
    title = "Host without a scheduler"
    group = HOSTS
    description = "One host, reached by SSH; workers run on it."


class _Local(ExistingCluster):
    key = "local"
    title = "This machine"
    group = HOSTS
    description = "Workers run on the machine that Towline runs on."
    way = Way.HERE


BUILT_IN: dict[str, ClusterType] = {
    kind.key: kind
    for kind in (
        *(_Slurm(), _Pbs(), _Torque(), _Lsf(), _GridEngine(), _Condor()),
        *(_Host(), _Local()),
    )
}
