"""Start a supervisor or a reaper, detached from whoever asks."""

from __future__ import annotations

import os
import subprocess
import sys

from towline.errors import RunError
from towline.runs.folder import VARIABLE, RunFolder


def start_supervisor(folder: RunFolder) -> subprocess.Popen[bytes]:
    """Start the process that runs the script; it outlives its parent and the terminal.

    Raises:
        RunError: when no process can be started.

    """
    return _start(folder)


def start_reaper(folder: RunFolder) -> subprocess.Popen[bytes]:
    """Start the process that cleans up after a supervisor that vanished.

    Harmless when somebody else was faster: a lock lets one of them work.

    Raises:
        RunError: when no process can be started.

    """
    return _start(folder, "--reap")


def _start(folder: RunFolder, *options: str) -> subprocess.Popen[bytes]:
    environment = {k: v for k, v in os.environ.items() if k != VARIABLE}
    try:
        with folder.supervisor_log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "towline.runs.supervisor", *options, str(folder.path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",  # `-m` looks for modules here first: not among the user's files
                env=environment,
                start_new_session=True,
            )
    except OSError as error:
        raise RunError(
            f"run {folder.number}", f"its supervisor cannot be started: {error.strerror}"
        ) from error
