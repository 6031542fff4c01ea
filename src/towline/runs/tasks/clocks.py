"""How far the clocks of nodes are from the workspace's, as far as the tasks prove it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

SLACK = 0.005
"""Seconds that two readings of one clock may seem apart; times are written with four digits."""


class Timed(Protocol):
    """What is needed of a try."""

    cluster: str
    host: str
    launched: float | None
    start: float | None
    seconds: float | None
    ended: float | None


def offsets(tries: Iterable[Timed]) -> dict[tuple[str, str], float]:
    """Return (cluster, host) -> seconds by which its clock is ahead, where it is provably wrong.

    A call cannot begin before it was launched, nor end after its result has come. The smallest
    shift that makes this true for all calls of a host is taken: the clock is off by at least that.
    """
    least: dict[tuple[str, str], float] = {}
    most: dict[tuple[str, str], float] = {}
    for each in tries:
        if each.start is None or each.seconds is None or not each.host:
            continue
        place = (each.cluster, each.host)
        if each.launched is not None:
            most[place] = min(most.get(place, 1e18), each.start - each.launched)
        if each.ended is not None:
            ahead = each.start + each.seconds - each.ended
            least[place] = max(least.get(place, -1e18), ahead)
    found = {}
    for place in {*least, *most}:
        if (ahead := least.get(place, 0.0)) > SLACK:
            found[place] = ahead
        elif (behind := most.get(place, 0.0)) < -SLACK:
            found[place] = behind
    return found
