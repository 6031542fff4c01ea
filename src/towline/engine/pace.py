"""How often a scheduler is asked: soon after news, ever more seldom without."""

from __future__ import annotations

import time


class Pace:
    """When the next question is due.

    Args:
        first: seconds after news.
        slowest: seconds at most.
        growth: factor from one question without news to the next.

    """

    def __init__(self, first: float, slowest: float, growth: float) -> None:
        self._first = first
        self._slowest = slowest
        self._growth = growth
        self._pause = first
        self.due = 0.0

    def now(self) -> None:
        """Let the next question be due at once."""
        self.due = 0.0

    def hurry(self) -> None:
        """Ask soon: something has changed, or is about to."""
        self._pause = self._first
        self.due = time.monotonic() + self._first

    def slow_down(self) -> None:
        """Ask later than the last time."""
        self._pause = min(self._pause * self._growth, self._slowest)
        self.due = time.monotonic() + self._pause
