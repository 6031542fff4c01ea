"""What a type of cluster is: its form, how it is looked at, how it is switched on and off.

A plug-in subclasses :class:`ClusterType` and names an instance or the class in the entry point
group ``towline.cluster_types``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

from towline.clusters.check_step import CheckStep
from towline.clusters.definition import ClusterDefinition
from towline.clusters.memory import ClusterMemory
from towline.clusters.observation import Observation
from towline.clusters.power import Desired

if TYPE_CHECKING:
    from towline.clusters.shell import Shell
    from towline.ssh import Connection

SETTLED_SECONDS = 30.0
"""When a step that found nothing to do may be called again."""


class Way(str, Enum):
    """How the controller is found."""

    HERE = "here"
    """It is this machine: nothing is connected to, and the definition has no `host`."""
    HOST = "host"
    """The definition names it."""
    FOUND = "found"
    """It exists only while the cluster is on; the type says where (see :mod:`..memory`)."""


def _nobody(connection: Connection) -> None:
    """Let nobody log in: the error that asked for it stands."""


@dataclass(frozen=True)
class Power:
    """One visit to a cluster: all that a type may use to look at it and to switch it.

    Args:
        definition: the cluster; an instance of the type's form.
        memory: what the type wants to know next time, also after a restart.
        wanted: what somebody has asked of the cluster; None: nothing.
        in_use: words for each run that uses the cluster now; empty when none does.
        asked_now: a person has asked a moment ago: try at once what back-off would delay.
        log_in: called with a connection that only a person can open. It may open the connection,
            or see to it that somebody is asked, and return.
        checked: called with each step of a check, as soon as it is known.

    """

    definition: ClusterDefinition
    memory: ClusterMemory
    wanted: Desired | None = None
    in_use: tuple[str, ...] = ()
    asked_now: bool = False
    log_in: Callable[[Connection], None] = _nobody
    checked: Callable[[CheckStep], object] = field(default=lambda step: None)

    @property
    def thing(self) -> str:
        """Return the cluster as error messages call it."""
        return f"cluster {self.definition.name}"

    def shell(self) -> Shell:
        """Return the way to the controller; nothing is opened yet.

        Raises:
            DefinitionError: the cluster is off, so it has no controller.

        """
        from towline.clusters.shell import connect

        return connect(self.definition)


class ClusterType(ABC):
    """A kind of cluster that Towline can use; one instance serves all clusters of the type.

    `observe` and `step` are called from threads, for different clusters at the same time, never
    twice at once for the same one. Both may be ended by the death of the process at any point and
    are then called again: what they did until then must be found, not done twice.
    """

    key: ClassVar[str]
    """What stands behind `type:` in the file."""
    title: ClassVar[str]
    group: ClassVar[str]
    """Under which heading the type is offered: `Existing clusters`, `This machine`, …"""
    description: ClassVar[str]
    """One sentence that helps to choose it."""
    form: ClassVar[type[ClusterDefinition]] = ClusterDefinition
    """Its keys; a subclass when it has keys of its own."""
    scheduler: ClassVar[str | None] = None
    """`slurm`, `pbs`, …; None: workers run on the controller itself."""
    way: ClassVar[Way] = Way.HOST
    elastic: ClassVar[bool] = False
    """Switching it off ends machines, and with them what costs money."""

    @abstractmethod
    def observe(self, power: Power) -> Observation:
        """Return what the cluster is now, within about 20 seconds, and change nothing.

        Raises:
            ReachError: it cannot be seen now; the last observation stays, marked with its age.
            TowlineError: it can be seen, and something is wrong.

        """

    @abstractmethod
    def step(self, power: Power, desired: Desired) -> float:
        """Bring the cluster nearer to what is wanted, and return soon.

        Called again and again until `observe` shows the wanted state; does nothing when it does.

        Returns:
            Seconds until the next call makes sense.

        Raises:
            LoginNeeded, HostKeyUnknown: a person must answer something.
            ReachError: tried again by itself, with back-off.
            CapacityMissing: tried again by itself, after its ``retry_seconds``.
            TowlineError: not tried again before a person asks.

        """
