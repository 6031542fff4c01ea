"""Where an interchange runs."""

from __future__ import annotations

import pytest

from towline.engine.interchange.handover import Place
from towline.engine.interchange.placement import choose


@pytest.mark.parametrize(
    ("wanted", "round_trip", "task_seconds", "place"),
    [
        ("workspace", 0.2, None, Place.WORKSPACE),
        ("controller", 0.0001, 3600.0, Place.CONTROLLER),
        ("controller", None, None, Place.CONTROLLER),
        ("auto", 0.0005, 0.001, Place.WORKSPACE),
        ("auto", 0.02, None, Place.CONTROLLER),
        ("auto", 0.02, 0.1, Place.CONTROLLER),
        ("auto", 0.02, 0.5, Place.WORKSPACE),
        ("auto", None, None, Place.WORKSPACE),
    ],
)
def test_distance_decides_where_nobody_has(
    wanted: str, round_trip: float | None, task_seconds: float | None, place: Place
) -> None:
    """A wish is followed; `auto` goes to a far controller, unless tasks are long."""
    assert choose(wanted, round_trip, task_seconds).place is place
