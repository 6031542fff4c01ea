"""Find the background ``ssh`` processes behind a control socket, whatever became of the socket."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path


def masters_in(listing: str, socket: Path, *, retired: bool) -> list[int]:
    """Return the process ids of the masters of ``socket`` in what ``ps -o pid=,args=`` printed.

    A master shows the arguments that we gave it, or the title that ssh gives itself; the ``ssh``
    of a session also names the socket, but never with ``-M``. With ``retired``, also those that
    only serve their last sessions.
    """
    titles = [f"-M -N -f -S {socket} ", f"ssh: {socket} [mux]"]
    titles += [f"ssh: {socket} [stopped mux]"] if retired else []
    found = []
    for line in listing.splitlines():
        pid, _, arguments = line.strip().partition(" ")
        if pid.isdigit() and any(title in f"{arguments} " for title in titles):
            found.append(int(pid))
    return found


def sessions_in(listing: str, socket: Path) -> list[int]:
    """Return the process ids of the ``ssh`` that use ``socket``'s master, in such a listing."""
    found = []
    for line in listing.splitlines():
        pid, _, arguments = line.strip().partition(" ")
        words = arguments.split(" -o ", 1)[0]
        if pid.isdigit() and f" -T -S {socket}" in f"{words} " and arguments.startswith("ssh "):
            found.append(int(pid))
    return found


def sessions_of(socket: Path) -> list[int]:
    """Return the process ids of the ``ssh`` of all sessions over ``socket``, of every process.

    Raises:
        OSError, subprocess.SubprocessError: the processes cannot be listed.

    """
    return sessions_in(_listing(), socket)


def end_masters(socket: Path, *, keep: int | None = None, retired: bool = False) -> None:
    """Kill every master of ``socket``, frozen and unshared ones too, except ``keep``."""
    with suppress(OSError, subprocess.SubprocessError):
        for pid in masters_in(_listing(), socket, retired=retired):
            if pid != keep:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)


def _listing() -> str:
    return subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,args="],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=10,
        check=True,
    ).stdout
