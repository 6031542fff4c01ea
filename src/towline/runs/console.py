"""Say on stderr what a script or notebook without ``towline run`` is waiting for."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from towline.runs.announce import Announcer
from towline.runs.events import Event
from towline.runs.view import RunView, fold


class Console:
    """Passes events on and prints those that a waiting person wants to read."""

    def __init__(self, report: Callable[..., Any]) -> None:
        self._report = report
        self._announcer = Announcer()
        self._view: RunView | None = None
        self._lock = threading.Lock()

    def __call__(self, event: str, /, **facts: Any) -> None:
        """Record the event; print it as one line when it has something to say."""
        self._report(event, **facts)
        seen = Event(time.time(), event, facts)
        with self._lock:
            self._view = fold([seen], self._view)
            line = self._announcer.line(seen, self._view)
        if line:
            with contextlib.suppress(OSError, ValueError):  # the reader of a pipe may be gone
                sys.stderr.write(f"towline: {line}\n")  # one write: clusters speak at once
