"""Wait for a condition, with a deadline that says what was waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_SECONDS = 0.1


def until(
    condition: Callable[[], T | None], what: str, seen: Callable[[], object], seconds: float = 60.0
) -> T:
    """Return the first true value of ``condition``.

    Args:
        what: what is waited for, for the message.
        seen: called when the time is over; says what there was instead.

    Raises:
        AssertionError: not true within ``seconds``.

    """
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for {what}; there was: {seen()}")
        time.sleep(LOOK_SECONDS)
