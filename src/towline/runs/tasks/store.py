"""Write what becomes of tasks into the run folder, in batches, off the tasks' path."""

from __future__ import annotations

import collections
import errno
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FLUSH_SECONDS = 0.5
"""What a killed script loses at most; a reader is never further behind."""

MOST_KEPT = 200_000
"""Rows kept in memory while the disk is full; the oldest go first."""

BATCH = 5_000
"""Rows to a write: the other threads run in between."""

_encode = json.JSONEncoder(default=str, separators=(",", ":"), ensure_ascii=False).encode


class TaskStore:
    """Append rows to a file of its own, ``tasks/<n>.jsonl``, by a thread that wakes twice a second.

    A file has one writer: another ``towline.load()`` of the run, even in another process, writes
    another one. Only its last line can be torn.

    Args:
        folder: ``tasks`` of the run folder; made when the first row is written.
        report: takes a warning, once, when rows cannot be written.

    """

    def __init__(self, folder: Path, report: Callable[..., None]) -> None:
        self._folder = folder
        self._report = report
        self._rows: collections.deque[dict[str, Any]] = collections.deque(maxlen=MOST_KEPT)
        self.append = self._rows.append  # a deque's append is atomic: no lock for each task
        self._descriptor: int | None = None
        self._complained = False
        self._flushing = threading.Lock()
        self._stop = threading.Event()
        self._owner = os.getpid()
        self._thread = threading.Thread(target=self._write, name="task records", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write the rows that are left and say that no more will come; safe to call again."""
        if os.getpid() != self._owner or self._stop.is_set():
            return  # a forked child has the rows, but not the thread
        self._stop.set()
        self._thread.join(10)
        if self._rows or self._descriptor is not None:
            self.append({"time": round(time.time(), 4), "closed": True})
        self.flush()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def flush(self) -> None:
        """Write all rows now; on failure they are kept for the next time."""
        with self._flushing:
            while self._rows:
                batch = [self._rows[index] for index in range(min(BATCH, len(self._rows)))]
                try:
                    self._append("".join(f"{_encode(row)}\n" for row in batch).encode())
                except OSError as error:
                    self._complain(error)
                    return
                for _ in batch:
                    self._rows.popleft()

    def _write(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            self.flush()

    def _append(self, data: bytes) -> None:
        """Append whole lines.

        Raises:
            OSError: they did not fit (disk full, quota); nothing of them remains.

        """
        if self._descriptor is None:
            self._descriptor = _new_file(self._folder)
        size = os.fstat(self._descriptor).st_size
        try:
            if os.write(self._descriptor, data) == len(data):
                return
        except OSError:
            os.ftruncate(self._descriptor, size)
            raise
        os.ftruncate(self._descriptor, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            text = f"tasks are not recorded at present, they go on: {error.strerror}"
            self._report("warning", text=f"{text}: {self._folder}")


def _new_file(folder: Path) -> int:
    """Make and open the next file of a folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = 0
    while True:
        number += 1
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            return os.open(folder / f"{number}.jsonl", flags, 0o600)
        except FileExistsError:
            continue
