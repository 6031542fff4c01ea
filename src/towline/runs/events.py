"""The event log of a run: JSON lines that are only ever appended to, by several processes."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from towline.runs.locks import locked

POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Event:
    """One line of the log.

    ``end`` is the offset in bytes behind the line: the place from which to go on reading.
    """

    time: float
    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    end: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the event as it stands in the file."""
        return {"time": self.time, "event": self.name, **self.facts}


def append_line(descriptor: int, line: bytes) -> None:
    """Append one line in one write; end a line that a killed writer left torn.

    The lock keeps two writers from both mending the same torn line; the kernel drops it when
    the holder dies.

    Raises:
        OSError: when the line did not fit whole (disk full, quota).

    """
    with locked(descriptor):
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        whole = b"\n" + line if torn else line
        if os.write(descriptor, whole) != len(whole):
            os.ftruncate(descriptor, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def parse_line(line: bytes) -> dict[str, Any] | None:
    """Return the object in one line; None for a torn or foreign line."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def read_lines(path: Path, start: int = 0) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield each whole record from ``start`` on, with the offset behind it.

    A last line without its newline is still being written, or was torn: it is left alone.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(start)
        end = start
        for line in file:
            if not line.endswith(b"\n"):
                return
            end += len(line)
            if (record := parse_line(line)) is not None:
                yield record, end


class EventLog:
    """Append to, read and follow one run's ``events.jsonl``; safe among threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()  # a file lock does not keep threads of one process apart
        self._descriptor: int | None = None

    def append(self, event: str, /, **facts: Any) -> None:
        """Append one event, stamped with the time.

        Facts that are not JSON (paths, enums) are written as their text.

        Raises:
            OSError: when it cannot be written (disk full).

        """
        own = {"time": round(time.time(), 3), "event": event}
        record = {**own, **facts, **own}  # a fact cannot pose as the event's time or name
        line = json.dumps(record, default=str, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            if self._descriptor is None:
                flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
                self._descriptor = os.open(self.path, flags, 0o600)
            append_line(self._descriptor, line)

    def read(self, start: int = 0) -> Iterator[Event]:
        """Yield the events from the offset ``start`` on, in the order in which they were written.

        Torn lines are passed over. The order is the file's: a clock may go backwards.
        """
        for record, end in read_lines(self.path, start):
            facts = dict(record)
            moment, name = facts.pop("time", 0.0), facts.pop("event", "")
            if isinstance(moment, (int, float)) and isinstance(name, str):
                yield Event(float(moment), name, facts, end)

    def follow(self, start: int = 0, stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Yield events from ``start`` on as they are written, until ``stop()`` is true.

        ``stop`` is asked before a look at the file, so that what was written before it became
        true is still yielded.
        """
        while True:
            last = stop()
            for event in self.read(start):
                start = event.end
                yield event
            if last:
                return
            time.sleep(POLL_SECONDS)

    def last(self) -> Event | None:
        """Return the last whole event without reading what lies before it."""
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return None
        reach = 4096
        while True:
            start = max(0, size - reach)
            events = list(self.read(start))  # a line cut at its beginning is passed over as torn
            if events or start == 0:
                return events[-1] if events else None
            reach *= 16

    def close(self) -> None:
        """Close the file; a later append opens it again."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None
