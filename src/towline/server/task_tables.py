"""The tries of runs' tasks, read once for many pages."""

from __future__ import annotations

import asyncio
import os
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from towline.runs.tasks import TaskTry, read_tries

MOST_KEPT = 50_000
"""Tries kept in memory, of all runs together (or those of one run that has more); 1 kB each."""

KEPT_SECONDS = 300.0
"""How long a table that nobody asks for is kept."""

FRESH_SECONDS = 2.0
"""A living run's tries are not read anew more often."""


@dataclass
class _Table:
    mark: tuple[tuple[str, int, int], ...]
    tries: list[TaskTry]
    read_at: float
    used_at: float


class TaskTables:
    """Keep the tables that were asked for last."""

    def __init__(self) -> None:
        self._tables: OrderedDict[tuple[Path, bool], _Table] = OrderedDict()
        self._reading = asyncio.Lock()  # the second who asks gets what the first has read

    def __len__(self) -> int:
        return len(self._tables)

    async def tries(self, folder: Path, *, over: bool) -> list[TaskTry]:
        """Return the tries of a run, in the order of their launch; not to be changed.

        Args:
            folder: ``tasks`` of the run folder; may be missing.
            over: the run has ended.

        """
        key = (folder, over)
        async with self._reading:
            known = key in self._tables
            tries = await anyio.to_thread.run_sync(self._tries, folder, over)
        if not known:
            asyncio.get_running_loop().call_later(KEPT_SECONDS, self._expire, key)
        return tries

    def _tries(self, folder: Path, over: bool) -> list[TaskTry]:
        key, now = (folder, over), time.monotonic()
        known = self._tables.get(key)
        if known is not None:
            known.used_at = now
            if not over and now - known.read_at < FRESH_SECONDS:
                return known.tries
        mark = _mark(folder)
        if known is None or known.mark != mark:
            known = _Table(mark, read_tries(folder, over=over), now, now)
        known.read_at = now
        self._tables[key] = known
        self._tables.move_to_end(key)
        if over:
            self._tables.pop((folder, False), None)
        self._shrink()
        return known.tries

    def _expire(self, key: tuple[Path, bool]) -> None:
        """Drop a table that was not asked for lately, or come back later."""
        table = self._tables.get(key)
        if table is None:
            return
        left = table.used_at + KEPT_SECONDS - time.monotonic()
        if left <= 0 and not self._reading.locked():
            del self._tables[key]
        else:
            left = max(left, KEPT_SECONDS / 10)
            asyncio.get_running_loop().call_later(left, self._expire, key)

    def _shrink(self) -> None:
        total = sum(len(table.tries) for table in self._tables.values())
        while total > MOST_KEPT and len(self._tables) > 1:
            _, oldest = self._tables.popitem(last=False)
            total -= len(oldest.tries)
        while len(self._tables) > 200:
            self._tables.popitem(last=False)


def _mark(folder: Path) -> tuple[tuple[str, int, int], ...]:
    try:
        with os.scandir(folder) as entries:
            found = [(e.name, e.stat()) for e in entries]
    except OSError:
        return ()
    return tuple(sorted((name, about.st_size, about.st_mtime_ns) for name, about in found))
