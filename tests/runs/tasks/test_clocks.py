"""A node's clock counts as wrong only when the tasks prove it."""

from __future__ import annotations

import pytest

from towline.runs.tasks import TaskTry
from towline.runs.tasks.clocks import offsets


def ran(launched: float, start: float, ended: float, host: str = "n1") -> TaskTry:
    """Return a try of one second on a node."""
    times = {"launched": launched, "start": start, "seconds": 1.0, "ended": ended}
    return TaskTry("1", 1, cluster="onprem", host=host, **times)


@pytest.mark.parametrize(
    ("tries", "found"),
    [
        ([ran(100, 102, 104)], {}),
        ([ran(100, 160, 104), ran(100, 161, 106)], {("onprem", "n1"): 57.0}),
        ([ran(100, 90, 104), ran(100, 95, 104)], {("onprem", "n1"): -10.0}),
        ([ran(100, 90, 104), ran(100, 102, 104, "n2")], {("onprem", "n1"): -10.0}),
        ([ran(100, 99.999, 104)], {}),
        ([TaskTry("1", 1, host="n1", launched=100.0)], {}),
        ([], {}),
    ],
    ids=["right", "ahead", "behind", "one of two", "rounding", "not measured", "none"],
)
def test_a_clock_is_shifted_by_the_least_that_explains_what_was_seen(tries, found):
    assert offsets(tries) == found
