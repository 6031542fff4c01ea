"""Where an executor's interchange runs, decided once, before it starts."""

from __future__ import annotations

from dataclasses import dataclass

from towline.engine.interchange.handover import Place

FAR_SECONDS = 0.010
"""Round trip from which on ``auto`` thinks of the controller."""


@dataclass(frozen=True)
class Placement:
    """Where, and why, in words."""

    place: Place
    reason: str


def choose(wanted: str, round_trip: float | None) -> Placement:
    """Return where an interchange runs.

    Args:
        wanted: ``auto``, ``workspace`` or ``controller``.
        round_trip: of the link, seconds; None when it is not known.

    """
    if wanted == "workspace":
        return Placement(Place.WORKSPACE, "as asked for")
    if wanted == "controller":
        return Placement(Place.CONTROLLER, "as asked for")
    if round_trip is not None and round_trip >= FAR_SECONDS:
        return Placement(Place.CONTROLLER, f"round trip {round_trip * 1000:.0f} ms")
    return Placement(Place.WORKSPACE, "the controller is near")
