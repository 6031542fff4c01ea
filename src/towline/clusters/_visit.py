"""What the doctor's steps share while they look at one cluster."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

from towline.clusters.check_step import Status
from towline.clusters.definition import ClusterDefinition
from towline.clusters.facts import ClusterFacts
from towline.clusters.shell import Shell


@dataclass
class Visit:
    """One visit of the doctor; its steps add what the later ones need.

    Args:
        definition: the cluster.
        shell: the way to its controller.
        partition: for the test job; the cluster's default when None.
        account: for the test job; the user's default when None.
        facts: what the probe found, as soon as it has run.
        tag: what marks all that this visit makes on the cluster.
        agent_port: the port on the controller that the link forwards to this visit.
        token: what a node must read at that port.
        ending: what is to be taken down when the visit is over.

    """

    definition: ClusterDefinition
    shell: Shell
    partition: str | None = None
    account: str | None = None
    facts: ClusterFacts = field(default_factory=ClusterFacts)
    tag: str = ""
    agent_port: int = 0
    token: str = ""
    ending: ExitStack = field(default_factory=ExitStack)

    @property
    def thing(self) -> str:
        """Return the cluster as error messages call it."""
        return f"cluster {self.definition.name}"


@dataclass(frozen=True)
class Finding:
    """What a step found; it raises a TowlineError instead when runs cannot work."""

    detail: str
    status: Status = Status.OK
    next_step: str = ""
