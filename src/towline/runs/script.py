"""Start the user's script so that it cannot outlive its supervisor unnoticed."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from towline.runs.folder import VARIABLE, RunFolder

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Outcome:
    """How a script ended: with an exit code, or by a signal."""

    exit_code: int | None = None
    signal: int | None = None

    @classmethod
    def of_wait_status(cls, status: int) -> Outcome:
        """Read what ``waitpid`` said."""
        if os.WIFSIGNALED(status):
            return cls(signal=os.WTERMSIG(status))
        return cls(exit_code=os.WEXITSTATUS(status))

    @property
    def succeeded(self) -> bool:
        """Whether the script returned 0."""
        return self.exit_code == 0

    def __str__(self) -> str:
        if self.signal is None:
            return f"the script ended with exit code {self.exit_code}"
        try:
            name = f" ({signal.Signals(self.signal).name})"
        except ValueError:
            name = ""  # a real-time signal
        return f"the script was killed by signal {self.signal}{name}"


def start_script(folder: RunFolder) -> int:
    """Start the script in a session of its own, its output going straight to files.

    Nothing stands between script and files, so that no output is lost whoever dies. When the
    supervisor dies, the kernel sends the script SIGTERM (Linux), which leaves it the chance to
    clean up; whoever looks at the run next ends what ignores that.

    Returns:
        The script's pid, which is also its process group and session.

    Raises:
        OSError: when the interpreter or the working folder cannot be used, or a log not written.

    """
    asked = folder.asked
    environment = {
        **os.environ,
        VARIABLE: str(folder.path),
        "PYTHONUNBUFFERED": "1",
        "SPT_NOENV": "1",  # setproctitle would wipe the run's mark out of /proc/<pid>/environ
    }
    with (
        Path(os.devnull).open("rb") as nothing,
        _log(folder.stdout_log) as stdout,
        _log(folder.stderr_log) as stderr,
    ):
        process = subprocess.Popen(
            [asked.python, asked.script, *asked.argv],
            stdin=nothing,
            stdout=stdout,
            stderr=stderr,
            cwd=asked.cwd,
            env=environment,
            start_new_session=True,
            preexec_fn=_die_with_parent(),
        )
    process.returncode = 0  # the supervisor waits for all its children itself
    return process.pid


def adopt_orphans() -> None:
    """Become the parent of grandchildren that lose theirs, so that daemons can be found (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _log(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "wb", buffering=0)


def _die_with_parent() -> Callable[[], None] | None:
    """Return what the child does between fork and exec; looked up before, as fork asks."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_for_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:  # it died before we could ask
            os.kill(os.getpid(), signal.SIGTERM)

    return ask_for_signal
