"""Signals as messages that a loop picks up, instead of code that runs anywhere."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType


class SignalInbox:
    """Collect signals; ``wait`` sleeps until one comes or a time limit is over.

    Made and used by the main thread. Children start with the signals' defaults, because a
    handler does not survive ``exec``.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._before = {n: signal.signal(n, _note) for n in numbers}
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def wait(self, limit: float) -> set[int]:
        """Return the numbers that arrived; empty when ``limit`` seconds passed without one."""
        select.select([self._read], [], [], max(0.0, limit))
        try:
            return set(os.read(self._read, 4096))
        except BlockingIOError:
            return set()

    def close(self) -> None:
        """Put back what handled the signals before."""
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)


def _note(number: int, frame: FrameType | None) -> None:
    """Do nothing: the wake-up descriptor has already been written to."""
