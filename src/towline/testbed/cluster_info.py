"""What a script may know of a cluster of the testbed."""

from __future__ import annotations

from dataclasses import dataclass

from towline.testbed.spec import Cluster, SchedulerName

PARTITIONS: dict[SchedulerName, tuple[str, ...]] = {
    "slurm": ("compute", "gpu"),
    "gridengine": ("compute",),
    "condor": ("pool",),
}


@dataclass(frozen=True)
class ClusterInfo:
    """What a script may know of a cluster.

    Args:
        name: also the SSH alias; ``NAME-via-gate`` goes through the bastion.
        user: who ``ssh NAME`` logs in as.
        home: that user's home on the cluster.
        users: all ordinary users; ``otp`` is asked for a code, ``noisy`` gets a lot to read.
        controller: its host, for ``exec``, ``unplug``, ``power_cycle``.
        nodes: the compute hosts.
        address: the controller as the workspace sees it.
        inside_address: the controller as the nodes see it.
        partitions: names of the partitions, the default one first.
        scheduler: ``slurm``, ``gridengine`` or ``condor``; the type of its definition.
        starts_off: it has no power before ``power_on``.

    """

    name: str
    user: str
    home: str
    users: tuple[str, ...]
    controller: str
    nodes: tuple[str, ...]
    address: str
    inside_address: str
    partitions: tuple[str, ...] = ("compute", "gpu")
    scheduler: SchedulerName = "slurm"
    starts_off: bool = False

    @property
    def alias(self) -> str:
        """The name in the SSH configuration."""
        return self.name


def cluster_info(cluster: Cluster) -> ClusterInfo:
    """Return what a script may know of a cluster."""
    user = cluster.users[0].name
    return ClusterInfo(
        name=cluster.name,
        user=user,
        home=f"/home/{user}",
        users=tuple(u.name for u in cluster.users),
        controller=cluster.controller,
        nodes=tuple(n.name for n in cluster.nodes),
        address=cluster.address,
        inside_address=cluster.controller_lan_address,
        partitions=PARTITIONS[cluster.scheduler],
        scheduler=cluster.scheduler,
        starts_off=cluster.starts_off,
    )
