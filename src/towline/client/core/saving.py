"""Write what is downloaded: whole or not at all, and only below the folder that was named."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path, PurePosixPath

from towline.errors import DefinitionError, ServerFailed


def target_of(folder: Path, path: str, server: str) -> Path:
    """Return where a file of a run is written.

    Raises:
        ServerFailed: the server names a place outside the folder.

    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise ServerFailed(f"server {server}", f"names a file outside the run: {path!r}")
    return folder.joinpath(*parts)


class PartFile:
    """A file under another name until it is whole."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._part.open("wb")
        except OSError as error:
            raise DefinitionError(
                str(target), f"cannot be written: {error.strerror}", "name another folder"
            ) from error

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._file.write(data)

    def keep(self) -> Path:
        """Put the file in its place; return that."""
        self._file.close()
        self._part.replace(self._target)
        return self._target

    def drop(self) -> None:
        """Leave nothing behind; after `keep` there is nothing to leave."""
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self._part.unlink()
