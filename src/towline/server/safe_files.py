"""Open and list files below a folder that others write into, so that no path leads out of it.

Each part of a path is opened relative to the one before, and no link is followed: neither a name
nor a swap between a check and its use gets anywhere else.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a named pipe would wait for its writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_MOST_PARTS = 64


class NoSuchFile(Exception):
    """There is nothing of this path that may be shown."""


@dataclass(frozen=True)
class FoundFile:
    """One entry of a listing; ``size`` in bytes, ``modified`` in unix seconds."""

    path: str
    kind: str
    size: int
    modified: float


def parts_of(path: str) -> tuple[str, ...]:
    """Return the parts of a relative path.

    Raises:
        NoSuchFile: it is absolute, climbs, or has parts that no file of ours has.

    """
    parts = tuple(path.split("/")) if path else ()
    if len(parts) > _MOST_PARTS or any(p in ("", ".", "..") or "\0" in p for p in parts):
        raise NoSuchFile(path)
    return parts


@contextlib.contextmanager
def opened_folder(root: Path, parts: tuple[str, ...]) -> Iterator[int]:
    """Yield a descriptor of a folder below a root.

    Raises:
        NoSuchFile: it is not there, or a part of the way is a link or no folder.

    """
    try:
        descriptor = os.open(root, _DIRECTORY)
    except OSError as error:
        raise NoSuchFile("") from error
    try:
        for part in parts:
            try:
                below = os.open(part, _DIRECTORY, dir_fd=descriptor)
            except (OSError, ValueError) as error:
                raise NoSuchFile("/".join(parts)) from error
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def open_file(root: Path, parts: tuple[str, ...]) -> int:
    """Return a descriptor of a regular file below a root; the caller closes it.

    Raises:
        NoSuchFile: it is not there, is not a regular file, or a link is on the way.
        PermissionError: this user may not read it.

    """
    if not parts:
        raise NoSuchFile("")
    with opened_folder(root, parts[:-1]) as folder:
        try:
            descriptor = os.open(parts[-1], _FILE, dir_fd=folder)
        except PermissionError:
            raise
        except (OSError, ValueError) as error:
            raise NoSuchFile("/".join(parts)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NoSuchFile("/".join(parts))
    return descriptor


def listing(
    root: Path,
    parts: tuple[str, ...],
    shown: Callable[[tuple[str, ...], bool], bool],
    *,
    most: int,
    deep: bool = False,
) -> list[FoundFile]:
    """Return what a folder below a root holds, sorted by path.

    Args:
        root: where paths begin.
        parts: the folder.
        shown: whether a path (its parts, and whether it is a folder) may be shown.
        most: entries at most; the first of each folder's names in order.
        deep: folders' contents too.

    Raises:
        NoSuchFile: there is no such folder.

    """
    found: list[FoundFile] = []
    with opened_folder(root, parts) as descriptor:
        _list(descriptor, parts, shown, most, deep, found)
    return found


def _list(
    descriptor: int,
    at: tuple[str, ...],
    shown: Callable[[tuple[str, ...], bool], bool],
    most: int,
    deep: bool,
    found: list[FoundFile],
) -> None:
    with os.scandir(descriptor) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        if len(found) >= most:
            return
        path = (*at, name)
        try:
            about = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        except OSError:
            continue
        kind = _kind(about.st_mode)
        if not kind or not shown(path, kind == "folder") or not is_text("/".join(path)):
            continue
        size = about.st_size if kind == "file" else 0
        found.append(FoundFile("/".join(path), kind, size, about.st_mtime))
        if deep and kind == "folder" and len(path) < _MOST_PARTS:
            try:
                below = os.open(name, _DIRECTORY, dir_fd=descriptor)
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    raise
                continue
            try:
                _list(below, path, shown, most, deep, found)
            finally:
                os.close(below)


def is_text(name: str) -> bool:
    """Say whether a name can be sent: it is bytes on the disk, and not always UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(mode: int) -> str:
    """Return ``file``, ``folder`` or ``link``; empty for what is not shown: pipes, devices."""
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else ""
