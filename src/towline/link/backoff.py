"""How long to wait before the next try."""

from __future__ import annotations

import random

FIRST_SECONDS = 0.2
LONGEST_SECONDS = 15.0


class Backoff:
    """Waits that double from 0.2 s to 15 s, each shortened at random by up to half.

    The first try after a success comes at once: most lost carriers can be replaced right away. The
    randomness keeps many links that were cut by one event from coming back in one moment.
    """

    def __init__(self) -> None:
        self._failures = 0

    def next_seconds(self) -> float:
        """Count one more try, and return the seconds to wait before it."""
        self._failures += 1
        if self._failures == 1:
            return 0.0
        longest: float = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(self._failures - 2, 30))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret

    def reset(self) -> None:
        """Start over, after a success that lasted."""
        self._failures = 0
