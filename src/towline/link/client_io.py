"""How the link client and its parent speak: JSON lines on stdin and stdout."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from typing import Any

from towline.link.wire.loop import READ, Loop

MAX_LINE_BYTES = 1024 * 1024


class CommandReader:
    """Cut stdin into JSON lines.

    Args:
        command: called with each object.
        ended: called once when stdin ends.

    """

    def __init__(
        self, loop: Loop, command: Callable[[dict[str, Any]], None], ended: Callable[[], None]
    ) -> None:
        self._loop = loop
        self._command = command
        self._ended = ended
        self._buffer = b""
        os.set_blocking(0, False)
        loop.watch(0, READ, self._readable)

    def _readable(self, _events: int) -> None:
        try:
            data = os.read(0, 65536)
        except BlockingIOError:
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._command(json.loads(line))
        if not data or len(self._buffer) > MAX_LINE_BYTES:
            self._loop.unwatch(0)
            self._ended()


def emit(event: str, **facts: object) -> None:
    """Write one event to stdout; a parent that is gone does not hear it."""
    line = json.dumps({"event": event, **facts}) + "\n"
    with contextlib.suppress(OSError):
        os.write(1, line.encode())
