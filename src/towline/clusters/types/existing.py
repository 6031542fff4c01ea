"""Clusters that exist whether we look or not: on means connected and checked."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from towline.clusters.check_step import CheckStep, Status
from towline.clusters.observation import Observation
from towline.clusters.power import Desired, PowerState
from towline.clusters.types.base import SETTLED_SECONDS, ClusterType, Power
from towline.errors import ClusterInUse, HostKeyUnknown, LoginNeeded

if TYPE_CHECKING:
    from towline.ssh import Connection

OPEN_SECONDS = 20.0
CHECKED = "checked"
"""Note: under which definition the last check found that runs can work."""


class ExistingCluster(ClusterType):
    """A cluster, or a host, that only needs connecting to."""

    def observe(self, power: Power) -> Observation:
        """Look at it over the shared connection, if that is open; connect to nothing."""
        from towline.clusters.look import look
        from towline.ssh import Connection

        shell = power.shell()
        if isinstance(shell, Connection):
            if not shell.is_open():
                return _off("not connected")
        elif not self._checked(power):
            return _off("not checked yet")
        seen = look(shell, power.definition)
        if power.wanted is Desired.ON and not self._checked(power):
            return seen.model_copy(
                update={"state": PowerState.STARTING, "reason": "connected, not checked yet"}
            )
        return seen

    def step(self, power: Power, desired: Desired) -> float:
        """Connect and check, or close the connection unless runs use it."""
        from towline.ssh import Connection

        shell = power.shell()
        if desired is Desired.OFF:
            power.memory.note(checked=None)
            if isinstance(shell, Connection) and shell.is_open():
                refuse_if_in_use(power, shell)
                shell.close()
            return SETTLED_SECONDS
        if isinstance(shell, Connection) and not shell.is_open():
            open_connection(shell, power)
        if not self._checked(power):
            self.check(power)
        return SETTLED_SECONDS

    def check(self, power: Power) -> None:
        """Try each step of the way, and note that runs can work.

        Raises:
            TowlineError: that of the first step that failed.

        """
        from towline.clusters.doctor import examine

        failed: CheckStep | None = None
        for step in examine(power.definition, shell=power.shell()):
            power.checked(step)
            if step.status is Status.FAIL and failed is None:
                failed = step
        if failed is not None and failed.error is not None:
            raise failed.error
        power.memory.note(checked=_mark(power))

    def _checked(self, power: Power) -> bool:
        return bool(power.memory.read().get(CHECKED) == _mark(power))


def open_connection(connection: Connection, power: Power) -> None:
    """Open the shared connection, or let somebody be asked to.

    Raises:
        ReachError: it is not open; LoginNeeded or HostKeyUnknown while somebody is being asked.

    """
    try:
        connection.open(timeout=OPEN_SECONDS, fresh=power.asked_now)
    except (LoginNeeded, HostKeyUnknown):
        power.log_in(connection)
        if not connection.is_open():
            raise


def refuse_if_in_use(power: Power, connection: Connection) -> None:
    """Keep a connection that runs use, or anything else on this machine.

    Raises:
        ClusterInUse: with the runs.

    """
    users = list(power.in_use)
    if not users:
        # Records may be late: a run that has just begun is seen by its ssh.
        users = [f"process {pid}" for pid in connection.sessions()]
    if users:
        raise ClusterInUse(
            power.thing,
            f"in use by {', '.join(users)}: switching it off would break them",
            "wait for them, or cancel them: towline run cancel NUMBER",
        )


def _off(reason: str) -> Observation:
    return Observation(state=PowerState.OFF, reason=reason, observed_at=time.time())


def _mark(power: Power) -> str:
    text = power.definition.model_dump_json(exclude={"description", "tags", "cost_per_node_hour"})
    return hashlib.sha256(text.encode()).hexdigest()[:16]
