"""Parts of a log that is UTF-8 for the most part: no character is cut in two."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Part:
    """Bytes of a log from ``start`` to ``next_offset``; ``size`` is that of the whole."""

    data: bytes
    start: int
    size: int

    @property
    def next_offset(self) -> int:
        """Where to go on."""
        return self.start + len(self.data)


def whole_characters(data: bytes) -> int:
    """Return how many bytes come before a character that is cut at the end.

    What is no UTF-8 anyway is not held back.
    """
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue  # goes on with a character that began before
        needed = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return len(data) - back if back < needed and byte < 0xF8 else len(data)
    return len(data)


def first_character(data: bytes) -> int:
    """Return how many bytes at the beginning belong to a character that began before."""
    count = 0
    while count < min(3, len(data)) and data[count] & 0xC0 == 0x80:
        count += 1
    return count if count < len(data) and data[count] & 0xC0 != 0x80 else 0


def part_of_file(path: Path, offset: int, limit: int, final: bool) -> Part:
    """Return part of a log; empty where there is nothing (yet).

    Args:
        path: of the log; may be missing.
        offset: byte to begin with; negative: so many before the end, at a character's beginning.
        limit: bytes at most.
        final: nothing more will be written: the last bytes are given even when they are cut.

    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return Part(b"", max(0, offset), 0)
    try:
        size = os.fstat(descriptor).st_size
        start = max(0, size + offset) if offset < 0 else offset
        data = os.pread(descriptor, limit, start)
    except OSError:
        return Part(b"", max(0, offset), 0)
    finally:
        os.close(descriptor)
    if offset < 0 and start > 0:
        cut = first_character(data)
        start, data = start + cut, data[cut:]
    if not (final and start + len(data) >= size):
        data = data[: whole_characters(data)]
    return Part(data, start, size)
