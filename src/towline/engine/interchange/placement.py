"""Where an executor's interchange runs, decided once, before it starts."""

from __future__ import annotations

from dataclasses import dataclass

from towline.engine.interchange.handover import Place

FAR_SECONDS = 0.010
"""Round trip from which on ``auto`` thinks of the controller."""

LONG_TASK_ROUND_TRIPS = 20
"""A task as long as so many round trips: what the way costs it is one part in twenty."""


@dataclass(frozen=True)
class Placement:
    """Where, and why, in words."""

    place: Place
    reason: str


def choose(wanted: str, round_trip: float | None, task_seconds: float | None) -> Placement:
    """Return where an interchange runs.

    Args:
        wanted: ``auto``, ``workspace`` or ``controller``.
        round_trip: of the link, seconds; None when it is not known.
        task_seconds: that tasks usually take; None when that is not known.

    """
    if wanted != "auto":
        return Placement(Place(wanted), "as asked for")
    if round_trip is None or round_trip < FAR_SECONDS:
        return Placement(Place.WORKSPACE, "the controller is near")
    away = f"it is {round_trip * 1000:.0f} ms away"
    if task_seconds is not None and task_seconds >= LONG_TASK_ROUND_TRIPS * round_trip:
        return Placement(Place.WORKSPACE, f"{away}, but tasks take {task_seconds:.3g} s")
    return Placement(Place.CONTROLLER, away)
