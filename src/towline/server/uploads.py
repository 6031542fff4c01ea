"""Files that came over the network for file fields, until a run has its own copies of them."""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from towline.server.problems import problem

KEPT_SECONDS = 86_400.0
"""How long an upload waits for its run."""

MOST_BYTES = 1 << 30
"""Of one upload."""

MOST_OF_A_USER = 10 << 30
"""Bytes that one user's uploads may have together."""

_ID = re.compile(r"upload-[0-9a-f]{32}")


@dataclass(frozen=True)
class Upload:
    """One file; ``size`` in bytes."""

    id: str
    name: str
    size: int


class Uploads:
    """Uploaded files in ``<folder>/<user>/<id>/<name>``; blocking: call it from a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, owner: str, name: str, source: Path) -> Upload:
        """Move a file here.

        Args:
            owner: who may use it.
            name: what the browser called it; what of it is a file name is kept.
            source: where it is now, on the same file system.

        """
        self.forget_old()
        home = self._home(owner)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        size = source.stat().st_size
        if _size(home) + size > MOST_OF_A_USER:
            raise problem(
                413,
                "too-many-uploads",
                thing="uploads",
                cause=f"yours would have more than {MOST_OF_A_USER >> 30} GiB together",
                next_step="launch what they are for; each is deleted after a day",
            )
        upload = f"upload-{secrets.token_hex(16)}"
        staged = self.folder / f".{upload}"
        staged.mkdir(mode=0o700)
        kept = plain_name(name)
        source.replace(staged / kept)
        staged.rename(home / upload)
        return Upload(upload, kept, size)

    def finder(self, owner: str) -> Callable[[str], Path]:
        """Return what finds an upload of this user by its id, for `prepare`."""

        def find(text: str) -> Path:
            if not _ID.fullmatch(text):
                raise ValueError("must be the id of an upload: POST /api/v1/uploads gives one")
            folder = self._home(owner) / text
            found = list(folder.iterdir()) if folder.is_dir() else []
            if len(found) != 1:
                raise ValueError("is no upload of yours, or one that is over a day old")
            return found[0]

        return find

    def forget_old(self) -> None:
        """Delete uploads that no run has come for."""
        over = time.time() - KEPT_SECONDS
        half_received = [*self.folder.glob(".upload-*"), *self.folder.glob(".received-*")]
        for path in [*self.folder.glob("*/upload-*"), *half_received]:
            try:
                if path.lstat().st_mtime >= over:
                    continue
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()
            except FileNotFoundError:
                continue

    def _home(self, owner: str) -> Path:
        # A user's name may hold what a path may not.
        return self.folder / hashlib.sha256(owner.encode()).hexdigest()[:32]


def plain_name(name: str) -> str:
    """Return what of an uploaded file's name can be a name here; never empty, hidden or a path."""
    last = re.split(r"[/\\]", name)[-1]
    kept = re.sub(r"[^\w.+=@ -]", "_", last).strip(" .-")
    return kept.encode()[-200:].decode(errors="ignore") or "file"


def _size(folder: Path) -> int:
    total = 0
    for path in folder.glob("*/*"):
        with contextlib.suppress(FileNotFoundError):  # over a day old, and deleted this moment
            total += path.stat().st_size
    return total
