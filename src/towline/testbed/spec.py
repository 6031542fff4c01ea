"""What the testbed consists of: clusters, their hosts and users, and a bastion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

SchedulerName = Literal["slurm", "gridengine", "condor"]

WORKSPACE_ADDRESS = "10.77.0.2"
ROUTER_FOR_WORKSPACE = "10.77.0.1"
LAN_OF_EVERY_CLUSTER = "172.20.0"  # the same range on purpose: addresses do not tell clusters apart


@dataclass(frozen=True)
class User:
    """An ordinary user of a cluster.

    Args:
        name: the login name.
        uid: user and group number.
        second_factor: sshd asks for a one-time code after the key.
        noisy: ``~/.bashrc`` prints on both streams, and sshd shows a banner.

    """

    name: str
    uid: int
    second_factor: bool = False
    noisy: bool = False


@dataclass(frozen=True)
class Node:
    """A compute node: runs the scheduler's daemon and nothing else."""

    name: str
    address: str
    cpus: int = 4
    memory_mib: int = 2000
    gpus: int = 0


@dataclass(frozen=True)
class Cluster:
    """A cluster: one controller and its nodes behind it.

    Args:
        name: also the SSH alias.
        position: 0, 1, …: gives the controller its own outside network.
        users: the first one is the user that ``ssh NAME`` logs in as.
        nodes: the compute nodes.
        gateway_ports: sshd's ``GatewayPorts``.
        forwarding: False forbids every kind of forwarding in sshd.
        enforces_limits: refuse a job beyond its partition's limits at once; else it waits for ever.
        accounting: run MariaDB and slurmdbd on the controller.
        scheduler: which one.
        in_tree: its hosts are Debian 13's, in a root tree of their own; else this machine's.
        starts_off: its hosts get no power before somebody switches the cluster on.

    """

    name: str
    position: int
    users: tuple[User, ...]
    nodes: tuple[Node, ...]
    gateway_ports: bool = False
    forwarding: bool = True
    enforces_limits: bool = False
    accounting: bool = False
    scheduler: SchedulerName = "slurm"
    in_tree: bool = False
    starts_off: bool = False

    controller_lan_address = f"{LAN_OF_EVERY_CLUSTER}.1"

    @property
    def controller(self) -> str:
        """Name of the host that SSH reaches."""
        return f"{self.name}-ctl"

    @property
    def address(self) -> str:
        """Address of the controller as the workspace sees it."""
        return f"10.77.{10 + self.position}.2"

    @property
    def router_address(self) -> str:
        """Address of the router on the controller's outside network."""
        return f"10.77.{10 + self.position}.1"


@dataclass(frozen=True)
class Gate:
    """A bastion: sshd only; reachable from the workspace, reaches both controllers' port 22."""

    name: str = "gate"
    user: User = User("guest", 2000)
    address: str = "10.77.9.2"
    router_address: str = "10.77.9.1"


@dataclass(frozen=True)
class Spec:
    """The whole testbed."""

    clusters: tuple[Cluster, ...]
    gate: Gate = Gate()

    def cluster(self, name: str) -> Cluster:
        """Return the cluster of this name, or raise KeyError."""
        return {cluster.name: cluster for cluster in self.clusters}[name]

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names of all simulated hosts, controllers first."""
        controllers = tuple(c.controller for c in self.clusters)
        return (*controllers, *(n.name for c in self.clusters for n in c.nodes), self.gate.name)


ONPREM = Cluster(
    name="onprem",
    position=0,
    users=(
        User("jdoe", 5001),
        User("asmith", 5002),
        User("otp", 5003, second_factor=True),
        User("noisy", 5004, noisy=True),
    ),
    nodes=(
        Node("onprem-n1", f"{LAN_OF_EVERY_CLUSTER}.11"),
        Node("onprem-n2", f"{LAN_OF_EVERY_CLUSTER}.12", gpus=2),
    ),
    enforces_limits=True,
)

CLOUD = Cluster(
    name="cloud",
    position=1,
    users=(
        User("demo", 1000),
        User("other", 1001),
        User("otp", 1002, second_factor=True),
        User("noisy", 1003, noisy=True),
    ),
    nodes=(
        Node("cloud-n1", f"{LAN_OF_EVERY_CLUSTER}.11"),
        Node("cloud-n2", f"{LAN_OF_EVERY_CLUSTER}.12", gpus=1),
    ),
    forwarding=False,
)


SGE = Cluster(
    name="sge",
    position=2,
    users=(User("grace", 3001), User("other", 3002)),
    nodes=(
        Node("sge-n1", f"{LAN_OF_EVERY_CLUSTER}.11"),
        Node("sge-n2", f"{LAN_OF_EVERY_CLUSTER}.12", gpus=2),
    ),
    scheduler="gridengine",
    in_tree=True,
)

CONDOR = Cluster(
    name="condor",
    position=3,
    users=(User("carl", 4001), User("other", 4002)),
    nodes=(
        Node("condor-n1", f"{LAN_OF_EVERY_CLUSTER}.11"),
        Node("condor-n2", f"{LAN_OF_EVERY_CLUSTER}.12"),
    ),
    scheduler="condor",
    in_tree=True,
)

SLURM24 = Cluster(
    name="slurm24",
    position=4,
    users=(User("sally", 6001), User("other", 6002)),
    nodes=(
        Node("slurm24-n1", f"{LAN_OF_EVERY_CLUSTER}.11"),
        Node("slurm24-n2", f"{LAN_OF_EVERY_CLUSTER}.12", gpus=1),
    ),
    in_tree=True,
)

ELASTIC = Cluster(
    name="elastic",
    position=5,
    users=(User("eve", 7001), User("other", 7002)),
    nodes=(
        Node("elastic-n1", f"{LAN_OF_EVERY_CLUSTER}.11"),
        Node("elastic-n2", f"{LAN_OF_EVERY_CLUSTER}.12", gpus=1),
    ),
    starts_off=True,
)

CLUSTERS = {cluster.name: cluster for cluster in (ONPREM, CLOUD, SGE, CONDOR, SLURM24, ELASTIC)}
USUAL_CLUSTERS = (ONPREM.name, CLOUD.name)


def testbed_of(names: Sequence[str] = USUAL_CLUSTERS, accounting: bool = False) -> Spec:
    """Return a testbed of these clusters; with ``accounting`` the cloud one runs slurmdbd.

    Raises:
        KeyError: there is no cluster of that name.

    """
    chosen = [CLUSTERS[name] for name in names]
    return Spec(clusters=tuple(replace(c, accounting=accounting and c == CLOUD) for c in chosen))
