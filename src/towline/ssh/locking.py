"""A lock between processes that can be waited for with a limit."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LockBusy(Exception):
    """Somebody else held the lock all the time; ``purpose`` is what they said they do."""

    def __init__(self, purpose: str) -> None:
        super().__init__(purpose)
        self.purpose = purpose


@contextmanager
def exclusive(path: Path, purpose: str, timeout: float) -> Iterator[None]:
    """Hold the lock file for the length of the block; the kernel frees it when we die.

    Raises:
        LockBusy: when ``timeout`` seconds were not enough.

    """
    deadline = time.monotonic() + timeout
    pause = 0.005
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise LockBusy(os.pread(lock, 200, 0).decode()) from None
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)
        os.ftruncate(lock, 0)
        os.pwrite(lock, purpose.encode(), 0)
        yield
    finally:
        os.close(lock)
