"""The states of a link, as the workspace sees it."""

from __future__ import annotations

from enum import Enum


class LinkState(Enum):
    """Whether bytes flow, will flow again, or never will."""

    STARTING = "starting"
    UP = "up"
    DOWN = "down"
    LOST = "lost"
    CLOSED = "closed"


TRANSITIONS: dict[LinkState, frozenset[LinkState]] = {
    LinkState.STARTING: frozenset({LinkState.UP, LinkState.LOST, LinkState.CLOSED}),
    LinkState.UP: frozenset({LinkState.DOWN, LinkState.LOST, LinkState.CLOSED}),
    LinkState.DOWN: frozenset({LinkState.UP, LinkState.LOST, LinkState.CLOSED}),
    LinkState.LOST: frozenset({LinkState.CLOSED}),
    LinkState.CLOSED: frozenset(),
}


class IllegalTransition(RuntimeError):
    """The table has no such transition; a bug of ours."""


def follow(state: LinkState, following: LinkState) -> LinkState:
    """Return ``following`` when the table allows it after ``state``.

    Raises:
        IllegalTransition: when it does not.

    """
    if following not in TRANSITIONS[state]:
        raise IllegalTransition(f"a link cannot go from {state.value} to {following.value}")
    return following
