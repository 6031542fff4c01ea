"""Locks: the exact packages that a request came to, kept so that runs repeat.

A request is resolved once. What it came to is stored in the workspace under the request's id, and
taken from there until the request changes or somebody asks to lock anew.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

from towline.environments.scratch import sweep_scratch
from towline.errors import DefinitionError
from towline.folders import state_folder

SCHEMA = 1
"""Of the stored form; a file of another schema is as good as none."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SECRET_IN_URL = re.compile(r"(?<=://)[^/\s]+@")


@dataclass(frozen=True)
class Lock:
    """What one request came to."""

    kind: str
    request_id: str
    """Hash of all that was asked: the spec's text, the cluster's platform, injected Parsl."""
    lines: tuple[str, ...]
    """One pinned package each, sorted: ``numpy==2.1.0 sha256:…``; never a secret."""
    made: datetime
    """With its time zone."""
    sources: tuple[str, ...]
    """Files that it was made from, as the user named them; empty: the workspace itself."""
    text: str = ""
    """The resolver's own form, for kinds that build from it: pylock.toml, a list of URLs."""


class LockStore:
    """The locks of this workspace, a file each.

    Args:
        folder: where they lie; default: among the files that must not be lost.

    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or state_folder() / "locks"

    def load(self, request_id: str) -> Lock | None:
        """Return the lock of a request; None when there is none that can be read."""
        path = self._path(request_id)
        try:
            return _read(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, lock: Lock) -> None:
        """Store a lock in place of an older one of the same request; readable by the user only.

        Raises:
            DefinitionError: the folder cannot be written.
            ValueError: a line or a source holds a password.

        """
        _refuse_secrets([*lock.lines, *lock.sources, lock.text])
        values: dict[str, Any] = asdict(lock) | {"schema": SCHEMA, "made": lock.made.isoformat()}
        path = self._path(lock.request_id)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            sweep_scratch(self.folder)
            descriptor, new = tempfile.mkstemp(dir=self.folder, prefix=".lock-")
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    json.dump(values, file, indent=1)
                Path(new).replace(path)
            except BaseException:
                with suppress(OSError):
                    Path(new).unlink()
                raise
        except OSError as error:
            raise DefinitionError(str(path), f"cannot be written: {error.strerror}") from error

    def all(self) -> Iterator[Lock]:
        """Yield every lock that can be read, the newest first."""
        found = [self.load(path.stem) for path in self.folder.glob("*.json")]
        yield from sorted((lock for lock in found if lock), key=lambda lock: lock.made)[::-1]

    def _path(self, request_id: str) -> Path:
        if not _ID.fullmatch(request_id):
            raise ValueError(f"{request_id!r} is not the id of a request")
        return self.folder / f"{request_id}.json"


def request_id(kind: str, asked: Iterable[str]) -> str:
    """Return the id under which the lock of a request is stored.

    Args:
        kind: the environment's kind, readable in front.
        asked: all that the answer depends on, in one order: texts of files, platform, versions.

    """
    digest = sha256()
    for part in asked:
        digest.update(f"{len(part)}:{part}".encode())
    return f"{kind}-{digest.hexdigest()[:20]}"


def now() -> datetime:
    """Return the time for a lock's `made`."""
    return datetime.now(timezone.utc).replace(microsecond=0)


def store_if_new(lock: Lock, store: LockStore | None = None) -> None:
    """Save a lock unless the same lines are stored; a store that is full stops no run."""
    store = store or LockStore()
    known = store.load(lock.request_id)
    if known is None or known.lines != lock.lines:
        with suppress(DefinitionError):
            store.save(lock)


def without_secrets(text: str) -> str:
    """Return a text without the user and password of any URL in it."""
    return _SECRET_IN_URL.sub("", text)


def _refuse_secrets(texts: Iterable[str]) -> None:
    if any(_SECRET_IN_URL.search(text) for text in texts):
        raise ValueError("a lock must not hold the user and password of a URL")


def _read(text: str) -> Lock:
    values = json.loads(text)
    if values.pop("schema") != SCHEMA:
        raise ValueError("another schema")
    values["lines"], values["sources"] = tuple(values["lines"]), tuple(values["sources"])
    return Lock(**(values | {"made": datetime.fromisoformat(values["made"])}))
