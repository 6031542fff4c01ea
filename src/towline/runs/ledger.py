"""The ledger of a run: what it was about to make anywhere, what it made, what it removed."""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from towline.runs.events import append_line, read_lines


@dataclass(frozen=True)
class Entry:
    """One thing that a run made, or was about to make, somewhere.

    ``created`` is False while only the intention is known: it may or may not exist.
    ``facts`` holds those of both lines, the later ones over the earlier.
    """

    id: str
    kind: str
    cluster: str
    created: bool = False
    removed: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


class FileLedger:
    """One run's ``ledger.jsonl``; a line is on the disk before its call returns.

    Kinds in use: remote_folder, job, process, link_agent, environment_mark, connection.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._descriptor: int | None = None

    def intend(self, kind: str, cluster: str, **what: Any) -> str:
        """Record that a thing is about to be made; return the entry's id.

        Raises:
            OSError: when it cannot be written (disk full); then do not make the thing.

        """
        entry = os.urandom(6).hex()
        self._append({"state": "intended", "entry": entry, "kind": kind, "cluster": cluster}, what)
        return entry

    def created(self, entry: str, /, **facts: Any) -> None:
        """Record that the thing exists, with what identifies it (job id, pgid, path)."""
        self._append({"state": "created", "entry": entry}, facts)

    def removed(self, entry: str, /, **facts: Any) -> None:
        """Record that the thing is known to be gone, or was never made."""
        self._append({"state": "removed", "entry": entry}, facts)

    def open_entries(self) -> list[Entry]:
        """Return what is not known to be gone, in the order in which it was intended."""
        return [entry for entry in self.all_entries() if not entry.removed]

    def all_entries(self) -> list[Entry]:
        """Return everything that was intended, in that order, gone or not."""
        entries: dict[str, Entry] = {}
        for record, _ in read_lines(self.path):
            entry, state = record.get("entry"), record.get("state")
            facts = record.get("facts", {})
            if not isinstance(entry, str) or not isinstance(facts, dict):
                continue
            known = entries.get(entry)
            if state == "intended":
                kind, cluster = str(record.get("kind", "")), str(record.get("cluster", ""))
                entries[entry] = Entry(entry, kind, cluster, facts=facts)
            elif known and state == "created":
                entries[entry] = replace(known, created=True, facts={**known.facts, **facts})
            elif known and state == "removed":
                entries[entry] = replace(known, removed=True)
        return list(entries.values())

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _append(self, own: dict[str, str], facts: dict[str, Any]) -> None:
        record = {"time": round(time.time(), 3), **own, "facts": facts}
        line = json.dumps(record, default=str, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            if self._descriptor is None:
                flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
                self._descriptor = os.open(self.path, flags, 0o600)
            append_line(self._descriptor, line)
            os.fsync(self._descriptor)
