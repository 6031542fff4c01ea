"""The index: all runs of this state folder in memory; a read costs neither disk nor SQL."""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio.to_thread
from sqlalchemy.exc import SQLAlchemyError

from towline.server.index import rows
from towline.server.index.changes import ChangeHub
from towline.server.index.entry import IndexedRun
from towline.server.index.file_watch import FileWatch
from towline.server.index.scanner import RunScanner, Seen
from towline.store import Store

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

BUSY_SECONDS = 0.25  # between two looks while something happens
WATCHING_SECONDS = 1.0  # while runs are alive, but quiet
RESTING_SECONDS = 2.0  # while no run is alive
QUIET_AFTER = 5.0  # seconds without a change
FIRST_BATCH = 200  # runs read at a time that the database does not know


class RunIndex:
    """Know all runs: those of the API, of the command line and of notebooks.

    What has ended comes from the database, what lives is watched, what is new is found. All
    methods are called on the event loop; what blocks happens in a thread.

    Args:
        folder: ``<state>/runs``.
        store: keeps what has ended, so that a start need not read every folder.
        changes: told of every change.
        files: the watch of the runs' files; told when a run ends, so that readers look again.

    """

    def __init__(
        self, folder: Path, store: Store, changes: ChangeHub, files: FileWatch | None = None
    ) -> None:
        self.folder = folder
        self.changes = changes
        self.complete = False
        self._store = store
        self._files = files
        self._scanner = RunScanner(folder)
        self._scanning = asyncio.Lock()  # the scanner is used by one thread at a time
        self._runs: dict[int, IndexedRun] = {}
        self._numbers: list[int] = []  # ascending
        self.unsaved: dict[int, IndexedRun] = {}
        """Ended runs that the database does not have yet."""
        self._unforgotten: set[int] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._changed_at = 0.0

    async def start(self) -> None:
        """Take in what the database knows; look for the rest, and at the living, in the background.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: when the database cannot be read.

        """
        known = {run.number: run for run in await rows.load_ended(self._store)}
        inodes = {run.number: run.inode for run in known.values()}
        gone = await anyio.to_thread.run_sync(self._scanner.remember, inodes)
        for number in gone:
            del known[number]
        self._unforgotten.update(gone)
        self._runs = known
        self._numbers = sorted(known)
        self._task = asyncio.create_task(self._keep_looking(), name="index of runs")

    async def close(self) -> None:
        """Stop looking; what was not saved is read again at the next start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def get(self, number: int) -> IndexedRun | None:
        """Return a run; None when the index has none of this number (see ``find``)."""
        return self._runs.get(number)

    def __len__(self) -> int:
        return len(self._runs)

    def newest_first(self, below: int | None = None) -> Iterator[IndexedRun]:
        """Yield all runs, or those below a number, the newest first."""
        numbers = self._numbers
        end = len(numbers) if below is None else bisect.bisect_left(numbers, below)
        return (self._runs[numbers[at]] for at in range(end - 1, -1, -1))

    def created_since(self, moment: float) -> Iterator[IndexedRun]:
        """Yield the runs made since a time (unix seconds), the newest first."""
        for run in self.newest_first():
            if run.created < moment:
                return
            yield run

    async def find(self, number: int) -> IndexedRun | None:
        """Return a run, also one that was made this moment; None when there is none."""
        if (run := self._runs.get(number)) is None and 0 < number < 1 << 63:
            self._apply(await self._in_thread(partial(self._scanner.notice, [number])))
            run = self._runs.get(number)
        return run

    async def notice(self, number: int) -> IndexedRun | None:
        """Look at one run now: it was just made, asked to end, or deleted."""
        self._apply(await self._in_thread(partial(self._scanner.notice, [number])))
        self.hurry()
        return self._runs.get(number)

    async def forget(self, number: int) -> None:
        """Drop a run whose folder was just deleted."""
        await self.refresh()
        self._drop(number)

    async def refresh(self) -> None:
        """Look at all runs now."""
        self._apply(await self._in_thread(self._scanner.look))

    def hurry(self) -> None:
        """Look soon, and often for a while: something is about to happen."""
        self._changed_at = time.monotonic()
        self._wake.set()

    async def _keep_looking(self) -> None:
        await self._guarded(self._first_look)
        self.complete = True
        while True:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._pause())
                self._wake.clear()
                await asyncio.sleep(BUSY_SECONDS / 2)  # what is asked for together is done together
            await self._guarded(self.refresh)
            await self._guarded(self.save)

    async def _guarded(self, step: Callable[[], Awaitable[object]]) -> None:
        try:
            await step()
        except (OSError, SQLAlchemyError) as error:
            # The disk or the database is away: what is known stays, and the next look tries again.
            _log.warning("index of runs: %s: %s", type(error).__name__, error)

    async def _first_look(self) -> None:
        """Read the runs that the database does not know, the newest first, a few at a time."""
        unread = await self._in_thread(self._scanner.unread)
        for start in range(0, len(unread), FIRST_BATCH):
            batch = unread[start : start + FIRST_BATCH]
            self._apply(await self._in_thread(partial(self._scanner.notice, batch)))
        await self.refresh()
        await self.save()

    def _pause(self) -> float:
        if time.monotonic() - self._changed_at < QUIET_AFTER:
            return BUSY_SECONDS
        return WATCHING_SECONDS if self._scanner.living else RESTING_SECONDS

    async def _in_thread(self, look: Callable[[], _T]) -> _T:
        async with self._scanning:
            return await anyio.to_thread.run_sync(look)

    def _apply(self, seen: Seen) -> None:
        if not seen.changed and not seen.gone:
            return
        self._changed_at = time.monotonic()
        for number in seen.gone:
            self._drop(number)
        for run in seen.changed:
            self._put(run)

    def _put(self, run: IndexedRun) -> None:
        before = self._runs.get(run.number)
        if before == run:
            return
        if before is None:
            bisect.insort(self._numbers, run.number)
        self._runs[run.number] = run
        self.changes.publish_run(run)
        if run.final:
            self.unsaved[run.number] = run
            self._unforgotten.discard(run.number)
            if self._files is not None:
                self._files.look_again(self.folder / str(run.number))

    def _drop(self, number: int) -> None:
        run = self._runs.pop(number, None)
        if run is None:
            return
        del self._numbers[bisect.bisect_left(self._numbers, number)]
        self.unsaved.pop(number, None)
        self._unforgotten.add(number)
        data = f'{{"number":{number},"gone":true}}'
        self.changes.publish("run", str(number), data, gone=True, subject=run)
        if self._files is not None:
            self._files.look_again(self.folder / str(number))

    async def save(self) -> None:
        """Write what has ended and what is gone; what fails is tried again at the next look."""
        if self.unsaved:
            saving = list(self.unsaved.values())
            await rows.save_ended(self._store, saving)
            for run in saving:
                if self.unsaved.get(run.number) is run:
                    del self.unsaved[run.number]
        if self._unforgotten:
            gone: Iterable[int] = sorted(self._unforgotten)
            await rows.forget(self._store, list(gone))
            self._unforgotten.difference_update(gone)
