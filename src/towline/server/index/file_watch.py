"""Follow growing files for many readers: what one look at a file reads serves them all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import anyio.to_thread

SHORTEST = 0.1  # seconds between two looks while files grow
LONGEST = 0.5  # seconds between two looks while nothing happens
QUIET_AFTER = 2.0
FRESH = 64 * 1024  # bytes that a look reads on behalf of all readers at the end of a file


class WatchedFile:
    """One file: how long it is, what was last added, and who waits for more."""

    __slots__ = ("_changed", "exists", "fresh", "fresh_at", "path", "readers", "size")

    def __init__(self, path: Path) -> None:
        self.path = os.fspath(path)
        self.size = 0
        self.exists = False
        self.readers = 0
        self.fresh = b""
        self.fresh_at = 0
        self._changed = asyncio.Event()

    def mark(self) -> asyncio.Event:
        """Return what will be set by the next change; ask for it before reading."""
        return self._changed

    def tell(self) -> None:
        """Wake all readers."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def kept(self, offset: int, limit: int) -> bytes:
        """Return what memory has of the file from an offset on; empty when it has nothing."""
        behind = offset - self.fresh_at
        return self.fresh[behind : behind + limit] if 0 <= behind < len(self.fresh) else b""

    async def read(self, offset: int, limit: int, *, last: bool = False) -> bytes:
        """Return up to ``limit`` bytes from an offset on; empty where the file has no more (yet).

        ``last``: nothing more will be written, so do not rely on what the last look has seen.
        """
        if not last:
            if data := self.kept(offset, limit):
                return data
            if self.exists and offset >= self.size:
                return b""
        return await anyio.to_thread.run_sync(_read, self.path, offset, limit)


class FileWatch:
    """Look at all watched files, in one thread, as often as they change."""

    def __init__(self) -> None:
        self._files: dict[str, WatchedFile] = {}
        self._task: asyncio.Task[None] | None = None
        self._changed_at = 0.0

    def __len__(self) -> int:
        return len(self._files)

    @contextlib.contextmanager
    def watching(self, path: Path) -> Iterator[WatchedFile]:
        """Watch a file, which need not exist yet, while the body runs."""
        name = os.fspath(path)
        file = self._files.get(name)
        if file is None:
            file = self._files[name] = WatchedFile(path)
        file.readers += 1
        self._changed_at = time.monotonic()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look(), name="watch of files")
        try:
            yield file
        finally:
            file.readers -= 1
            if file.readers == 0 and self._files.get(name) is file:
                del self._files[name]

    def look_again(self, folder: Path) -> None:
        """Wake all readers of files below a folder: something besides the files has changed."""
        below = f"{folder}{os.sep}"
        for file in list(self._files.values()):
            if file.path.startswith(below):
                file.tell()

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _look(self) -> None:
        """Look until nobody watches any more."""
        while self._files:
            places = [(file.path, file.size) for file in self._files.values()]
            for name, (size, added) in (await anyio.to_thread.run_sync(_changes, places)).items():
                self._grown(self._files.get(name), size, added)
            quiet = time.monotonic() - self._changed_at
            pause = SHORTEST if quiet < QUIET_AFTER else min(LONGEST, quiet / 10)
            await asyncio.sleep(pause)

    def _grown(self, file: WatchedFile | None, size: int, added: bytes) -> None:
        if file is None:
            return
        file.exists = True
        if not added:
            file.fresh, file.fresh_at = b"", 0
        elif file.fresh_at + len(file.fresh) == file.size and len(file.fresh) + len(added) <= FRESH:
            file.fresh += added
        else:
            file.fresh, file.fresh_at = added, size - len(added)
        file.size = size
        self._changed_at = time.monotonic()
        file.tell()


def _changes(places: list[tuple[str, int]]) -> dict[str, tuple[int, bytes]]:
    """Return size and addition of each file that is not as long as it was.

    An addition that is larger than 64 KiB, or a file that was cut, is left to its readers.
    """
    found: dict[str, tuple[int, bytes]] = {}
    for name, known in places:
        try:
            size = os.stat(name).st_size  # noqa: PTH116 - hundreds of them, ten times a second
            if size == known:
                continue
            added = _read(name, known, size - known) if known < size <= known + FRESH else b""
        except OSError:
            continue
        found[name] = (known + len(added), added) if added else (size, b"")
    return found


def _read(name: str, offset: int, limit: int) -> bytes:
    """Return part of a regular file; empty when it is not there, or is something else."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        return os.pread(descriptor, limit, offset)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
