"""What a cluster's type must know next time, also in another process: a small JSON file.

A cluster without a `host` of its own exists only while it is on. Its type then notes here where
its controller is, and every command finds it by that note.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

from towline import folders

CONTROLLER = "controller"
"""Key of the note where the controller is: keys of `Destination`, `host` at least."""


class ClusterMemory:
    """The notes of one cluster; for its owner's eyes only, but no place for secrets."""

    def __init__(self, name: str) -> None:
        self.file: Path = folders.state_folder() / "clusters" / f"{name}.json"

    def read(self) -> dict[str, Any]:
        """Return the notes; nothing when there are none or they cannot be read."""
        try:
            notes = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return notes if isinstance(notes, dict) else {}

    def note(self, **changes: Any) -> None:
        """Change some notes in one step; None removes one."""
        old = self.read()
        notes = {key: value for key, value in (old | changes).items() if value is not None}
        if notes == old:
            return
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self.file.with_name(f".{self.file.name}.{os.getpid()}.{time.monotonic_ns()}")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(notes, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.file)

    def forget(self) -> None:
        """Remove all notes; fine when there are none."""
        with contextlib.suppress(FileNotFoundError):
            self.file.unlink()

    def controller(self) -> dict[str, Any] | None:
        """Return where the controller is; None when the cluster has none just now."""
        note = self.read().get(CONTROLLER)
        return note if isinstance(note, dict) and note.get("host") else None
