"""The states of a run and the ways between them."""

from __future__ import annotations

import enum


class RunState(enum.Enum):
    """Where a run stands; the last four are final."""

    CREATED = "created"  # the folder exists, its supervisor has not spoken yet
    STARTING = "starting"  # the supervisor is up, the script is not
    RUNNING = "running"  # the script has been started
    CANCELLING = "cancelling"  # somebody asked for the end; script and clusters are being cleaned
    SUCCEEDED = "succeeded"  # the script returned 0
    FAILED = "failed"  # the script failed, or could not be started
    CANCELLED = "cancelled"  # ended because somebody asked
    LOST = "lost"  # the supervisor vanished; a reaper cleaned up after it

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to the run."""
        return not TRANSITIONS[self]


_ENDINGS = frozenset({RunState.FAILED, RunState.CANCELLED, RunState.LOST})

TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    RunState.CREATED: _ENDINGS | {RunState.STARTING},
    RunState.STARTING: _ENDINGS | {RunState.RUNNING, RunState.CANCELLING},
    RunState.RUNNING: _ENDINGS | {RunState.CANCELLING, RunState.SUCCEEDED},
    RunState.CANCELLING: frozenset({RunState.CANCELLED, RunState.LOST}),
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.CANCELLED: frozenset(),
    RunState.LOST: frozenset(),
}


class TransitionError(ValueError):
    """A run was to go a way that the table does not have."""


def advance(state: RunState, to: RunState) -> RunState:
    """Return ``to`` when the table allows the step from ``state``.

    Raises:
        TransitionError: when it does not; a bug, or a record that was tampered with.

    """
    if to not in TRANSITIONS[state]:
        raise TransitionError(f"a run cannot go from {state.value} to {to.value}")
    return to
