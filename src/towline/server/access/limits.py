"""How often something may be tried: a bucket of tries per name, filled again with time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class Limit:
    """Counts tries by name, in memory.

    Args:
        tries: how many at once.
        seconds: after which all of them are there again.
        names: how many names are remembered; the oldest go, so that inventing names fills nothing.
        clock: seconds, for tests.

    """

    def __init__(
        self,
        tries: int,
        seconds: float,
        *,
        names: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tries = float(tries)
        self._per_second = tries / seconds
        self._names = names
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait_seconds(self, name: str) -> int:
        """Return 0 when a try is free, else after how many seconds one will be."""
        left = self._left(name)
        return 0 if left >= 1 else math.ceil((1 - left) / self._per_second)

    def count(self, name: str) -> None:
        """Count one try."""
        left = self._left(name)
        self._buckets.pop(name, None)  # to the end: the oldest are dropped first
        self._buckets[name] = (max(0.0, left - 1), self._clock())
        if len(self._buckets) > self._names:
            del self._buckets[next(iter(self._buckets))]

    def forgive(self, name: str) -> None:
        """Forget the tries of a name that got it right."""
        self._buckets.pop(name, None)

    def _left(self, name: str) -> float:
        left, since = self._buckets.get(name, (self._tries, self._clock()))
        return min(self._tries, left + (self._clock() - since) * self._per_second)
