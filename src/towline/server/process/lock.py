"""One server on one folder: a lock that the kernel drops when its holder dies."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from towline.errors import ServerRunning
from towline.runs.locks import take_for_life
from towline.server.process.record import read_record, running_server


@contextlib.contextmanager
def only_server(folder: Path) -> Iterator[None]:
    """Hold the folder's data while the body runs; also for a command that changes it by itself.

    Raises:
        ServerRunning: when another process holds it.

    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = take_for_life(folder / "server.lock")
    if descriptor is None:
        raise _running(folder)
    try:
        # File systems without locks let everybody through: then the record has to do.
        other = running_server(folder)
        if other is not None and other.process.pid != os.getpid():
            raise _running(folder)
        yield
    finally:
        os.close(descriptor)


def _running(folder: Path) -> ServerRunning:
    record = read_record(folder)
    who = ""
    if record is not None:
        who = f" (pid {record.process.pid} on {record.process.host}, {record.address})"
    return ServerRunning(
        f"the server on {folder}", f"another one works on this data{who}", "towline status"
    )
