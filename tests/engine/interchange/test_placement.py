"""Where an interchange runs."""

from __future__ import annotations

import pytest

from towline.engine.interchange.handover import Place
from towline.engine.interchange.placement import choose


@pytest.mark.parametrize(
    ("wanted", "round_trip", "place"),
    [
        ("workspace", 0.2, Place.WORKSPACE),
        ("controller", 0.0001, Place.CONTROLLER),
        ("controller", None, Place.CONTROLLER),
        ("auto", 0.0005, Place.WORKSPACE),
        ("auto", 0.02, Place.CONTROLLER),
        ("auto", None, Place.WORKSPACE),
    ],
)
def test_distance_decides_where_nobody_has(
    wanted: str, round_trip: float | None, place: Place
) -> None:
    """A wish is followed; `auto` goes to a controller that is far away."""
    assert choose(wanted, round_trip).place is place
