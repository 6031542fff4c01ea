"""The key of the server's own user: in a file that only this user can read, new at each start."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

NAME = "local.key"


@contextlib.contextmanager
def local_key_file(folder: Path, key: str) -> Iterator[None]:
    """Keep the key in the file while the body runs."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / NAME
    fresh = folder / f".{NAME}.{os.getpid()}"
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(key)
    fresh.replace(path)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()


def read_local_key(folder: Path) -> str | None:
    """Return the key of the server that runs on this folder; None when there is none to read."""
    try:
        return (folder / NAME).read_text().strip() or None
    except OSError:
        return None
