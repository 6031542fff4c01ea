"""``server.json``: which process serves, and where it is reached."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from towline.runs.process import Liveness, ProcessIdentity

NAME = "server.json"


@dataclass(frozen=True)
class ServerRecord:
    """A server that has written itself down.

    Args:
        process: so that a recycled pid is not taken for it.
        url: where programs on this machine reach it.
        address: where browsers reach it.
        started: unix seconds.
        version: of Towline.

    """

    process: ProcessIdentity
    url: str
    address: str
    started: float
    version: str

    def write(self, folder: Path) -> None:
        """Write the record, whole or not at all."""
        path = folder / NAME
        fresh = folder / f".{NAME}.{os.getpid()}"
        text = json.dumps(self.as_dict(), indent=2)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        fresh.replace(path)

    def as_dict(self) -> dict[str, Any]:
        """Return what the file holds."""
        return {
            "pid": self.process.pid,
            "start_mark": self.process.started,
            "url": self.url,
            "address": self.address,
            "started": self.started,
            "version": self.version,
            "process": self.process.as_dict(),
        }


def read_record(folder: Path) -> ServerRecord | None:
    """Return what the last server wrote; None when there is none, or it cannot be read."""
    try:
        facts = json.loads((folder / NAME).read_text())
        return ServerRecord(
            ProcessIdentity.from_dict(facts["process"]),
            str(facts["url"]),
            str(facts["address"]),
            float(facts["started"]),
            str(facts["version"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def running_server(folder: Path) -> ServerRecord | None:
    """Return the server that runs on this folder, as far as it can be seen from here.

    One on another machine that shares the folder cannot be seen; its lock still holds.
    """
    record = read_record(folder)
    if record is None or record.process.look() is Liveness.GONE:
        return None
    return record
