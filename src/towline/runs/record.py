"""Write events even when the disk under the run folder is full."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

from towline.runs.folder import RunFolder

_RESERVE = 256 * 1024  # bytes; enough for the last events of any run


class Recorder:
    """Append the supervisor's events; keep room on the disk for the last of them."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._reserve = folder.path / "reserve"
        with contextlib.suppress(OSError):
            self._reserve.write_bytes(os.urandom(_RESERVE))  # zeros may be stored as a hole

    def __call__(self, event: str, /, **facts: Any) -> None:
        """Append an event; never raises, since nobody is left who could do better."""
        try:
            self._folder.events.append(event, **facts)
        except OSError:
            self.free()
            try:
                self._folder.events.append(event, **facts)
            except OSError as error:
                print(f"event {event} not recorded: {error}", file=sys.stderr)

    def free(self) -> None:
        """Give the kept room back."""
        with contextlib.suppress(OSError):
            self._reserve.unlink()
