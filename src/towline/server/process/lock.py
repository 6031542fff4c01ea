"""One server on one folder: a lock that the kernel drops when its holder dies."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from towline.errors import ServerRunning
from towline.runs.locks import take_for_life
from towline.runs.process import Liveness
from towline.server.process.record import NAME, running_server

LOCK = "server.lock"


@contextlib.contextmanager
def only_server(folder: Path) -> Iterator[None]:
    """Hold the folder's data while the body runs; also for a command that changes it by itself.

    Raises:
        ServerRunning: when another process holds it.

    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = take_for_life(folder / LOCK)
    if descriptor is None:
        raise _running(folder)
    try:
        _sign(descriptor)
        # File systems without locks let everybody through: then the record has to do.
        other = running_server(folder)
        if other is not None and other.process.pid != os.getpid():
            raise _running(folder)
        yield
    finally:
        os.close(descriptor)


def elsewhere(folder: Path) -> ServerRunning | None:
    """Return the error for a server that runs on another machine as far as is known; else None.

    It cannot be asked, ended or seen from here.
    """
    record = running_server(folder)
    if record is None or record.process.look() is not Liveness.NOT_OBSERVED:
        return None
    host = record.process.host
    return ServerRunning(
        f"the server on {folder}",
        f"it runs on {host} (pid {record.process.pid}), as far as can be seen from here",
        f"on {host}: towline up, towline down; if it is no more: rm {folder / NAME}",
    )


def _sign(descriptor: int) -> None:
    """Note in the lock who holds it, for those who find it held and nothing else."""
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"pid {os.getpid()} on {platform.node()}".encode(), 0)


def _running(folder: Path) -> ServerRunning:
    if (far := elsewhere(folder)) is not None:
        return far
    record = running_server(folder)
    if record is not None:
        who = f"pid {record.process.pid} on {record.process.host}, {record.address}"
        next_step = "towline status"
    else:
        # One that is starting or ending; a command such as `user add`; one that has lost its file.
        who = _signature(folder)
        next_step = "try again; if that process stays and towline status knows no server, end it"
    return ServerRunning(
        f"the server on {folder}", f"another one works on this data ({who})", next_step
    )


def _signature(folder: Path) -> str:
    with contextlib.suppress(OSError):
        return (folder / LOCK).read_text() or "not known which"
    return "not known which"
