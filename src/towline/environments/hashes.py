"""SHA-256 of files, remembered from run to run."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from towline.errors import DefinitionError

SETTLED_SECONDS = 2.0
"""A file younger than this may change once more within one tick of its clock, unseen."""


class HashMemory:
    """Hashes of files by path, size and time of change, kept in one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, list[str | int]] | None = None
        self._used: dict[str, list[str | int]] = {}
        self._changed = False

    def sha256(self, file: Path, about: os.stat_result | None = None) -> str:
        """Return a file's hash in hex, read anew only when the file has changed.

        Raises:
            DefinitionError: it cannot be read.

        """
        try:
            return self._sha256(file, about or file.stat())
        except OSError as error:
            raise DefinitionError(
                str(file), f"cannot be read: {error.strerror}", f"ls -l {file}"
            ) from error

    def _sha256(self, file: Path, about: os.stat_result) -> str:
        name = str(file)
        stamp: list[str | int] = [about.st_size, about.st_mtime_ns]
        known = self._load().get(name)
        if known is not None and known[:2] == stamp:
            self._used[name] = known
            return str(known[2])
        digest = _read(file)
        if time.time() - about.st_mtime > SETTLED_SECONDS:
            self._used[name] = [*stamp, digest]
            self._changed = True
        return digest

    def save(self) -> None:
        """Write what was used this time; a memory that cannot be kept is no fault."""
        if not self._changed:
            return
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", dir=self.path.parent, prefix=".hashes-", delete=False
            ) as file:
                json.dump(self._used, file)
            Path(file.name).replace(self.path)

    def _load(self) -> dict[str, list[str | int]]:
        if self._known is None:
            self._known = {}
            with suppress(OSError, ValueError):
                read = json.loads(self.path.read_text(encoding="utf-8"))
                self._known = read if isinstance(read, dict) else {}
        return self._known


def _read(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
