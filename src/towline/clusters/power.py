"""The power states of a cluster and the ways between them."""

from __future__ import annotations

from enum import Enum


class Desired(str, Enum):
    """What somebody has asked of a cluster."""

    ON = "on"
    OFF = "off"


class PowerState(str, Enum):
    """Where a cluster stands, as it was last seen."""

    OFF = "off"
    """Not connected; of a cluster that can be switched off: nothing of it runs."""
    STARTING = "starting"
    ON = "on"
    """Connected and checked: runs can use it."""
    STOPPING = "stopping"
    ERROR = "error"
    """It said no; a person or a later try must put it right."""
    UNKNOWN = "unknown"
    """It cannot be seen now; what is shown of it is what was seen last."""
    INPUT_NEEDED = "input_needed"
    """A person must type something, such as a log-in code."""

    @property
    def settled(self) -> bool:
        """Whether the cluster stays so unless somebody asks for something."""
        return self in (PowerState.OFF, PowerState.ON, PowerState.ERROR)


_ALWAYS = frozenset(
    {PowerState.OFF, PowerState.ON, PowerState.ERROR, PowerState.UNKNOWN, PowerState.INPUT_NEEDED}
)
"""What a look may find at any time: others switch clusters and cut cables, too."""

TRANSITIONS: dict[PowerState, frozenset[PowerState]] = {
    PowerState.OFF: _ALWAYS | {PowerState.STARTING},
    PowerState.STARTING: _ALWAYS | {PowerState.STOPPING},
    PowerState.ON: _ALWAYS | {PowerState.STARTING, PowerState.STOPPING},
    PowerState.STOPPING: _ALWAYS | {PowerState.STARTING},
    PowerState.ERROR: _ALWAYS | {PowerState.STARTING, PowerState.STOPPING},
    PowerState.UNKNOWN: _ALWAYS | {PowerState.STARTING, PowerState.STOPPING},
    PowerState.INPUT_NEEDED: _ALWAYS | {PowerState.STARTING, PowerState.STOPPING},
}


class PowerTransitionError(ValueError):
    """A cluster was to go a way that the table does not have."""


def advance(state: PowerState, to: PowerState) -> PowerState:
    """Return ``to`` when the table allows the step from ``state``; staying is always allowed.

    Raises:
        PowerTransitionError: when it does not: a bug.

    """
    if to is not state and to not in TRANSITIONS[state]:
        raise PowerTransitionError(f"a cluster cannot go from {state.value} to {to.value}")
    return to
