"""Start the server in the background, and end it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from towline.errors import ServerNotStarted
from towline.runs.process import Liveness
from towline.server.process.lock import elsewhere
from towline.server.process.record import ServerRecord, read_record, running_server

START_SECONDS = 30.0
END_SECONDS = 15.0
LOG = "server.log"


def up(folder: Path, options: list[str]) -> tuple[ServerRecord, bool]:
    """Start a server, detached from this terminal, and return when it answers.

    Args:
        folder: of the server's files.
        options: those of ``towline server``.

    Returns:
        The server, and whether it was started now; one that runs already is left as it is.

    Raises:
        ServerNotStarted: with the server's own last words.
        ServerRunning: one runs on another machine that shares the folder.

    """
    if (far := elsewhere(folder)) is not None:
        raise far
    if (running := running_server(folder)) is not None:
        return running, False
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = folder / LOG
    begins = log.stat().st_size if log.exists() else 0
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        started = subprocess.Popen(
            [sys.executable, "-m", "towline", "server", *options, "--log", str(log)],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            cwd="/",
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        record = read_record(folder)
        if record is not None and record.process.pid == started.pid:
            return record, True
        if started.poll() is not None:
            raise ServerNotStarted("the server", _last_words(log, begins), f"see {log}")
        time.sleep(0.02)
    started.kill()
    raise ServerNotStarted(
        "the server", f"it was not ready within {START_SECONDS:.0f} s", f"see {log}"
    )


@dataclass(frozen=True)
class Ended:
    """How a server ended: by itself after being asked, or killed."""

    record: ServerRecord
    killed: bool


def down(folder: Path) -> Ended | None:
    """End the server; return None when none runs. Runs go on: they are not its own.

    Raises:
        ServerRunning: it runs on another machine that shares the folder.

    """
    if (far := elsewhere(folder)) is not None:
        raise far
    record = running_server(folder)
    if record is None or record.process.look() is not Liveness.ALIVE:
        return None
    for number, seconds in ((signal.SIGTERM, END_SECONDS), (signal.SIGKILL, END_SECONDS)):
        try:
            os.kill(record.process.pid, number)
        except ProcessLookupError:
            return Ended(record, number is signal.SIGKILL)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if record.process.look() is not Liveness.ALIVE:
                return Ended(record, number is signal.SIGKILL)
            time.sleep(0.02)
    return Ended(record, True)


def _last_words(log: Path, begins: int) -> str:
    """Return what a server that did not start has said."""
    with log.open("rb") as file:
        file.seek(begins)
        lines = file.read()[-4000:].decode(errors="replace").splitlines()
    said = [line for line in lines if line.strip()]
    errors = [line for line in said if line.startswith("error: ")]
    free = os.statvfs(log.parent).f_bavail > 0
    silent = "it ended without a word" if free else "its disk is full"
    return (errors or said or [silent])[-1].removeprefix("error: ")
