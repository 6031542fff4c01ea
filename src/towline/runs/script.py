"""Start the user's script so that it cannot outlive its supervisor unnoticed."""

from __future__ import annotations

import ctypes
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from towline.runs import secrets
from towline.runs.folder import VARIABLE, Asked, RunFolder

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


def start_script(folder: RunFolder, python: str | None = None) -> int:
    """Start the script in a session of its own, its output going straight to files.

    Nothing stands between script and files, so that no output is lost whoever dies. When the
    supervisor dies, the kernel sends the script SIGTERM (Linux), which leaves it the chance to
    clean up; whoever looks at the run next ends what ignores that.

    Args:
        folder: the run's.
        python: the interpreter of the run's environment; default: the one that was asked for.

    Returns:
        The script's pid, which is also its process group and session.

    Raises:
        OSError: when the interpreter or the working folder cannot be used, or a log not written.

    """
    asked = folder.asked
    descriptor = secrets.inherited()
    environment = {
        **os.environ,
        **_beside(folder, python),
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
            words_of(asked, python or asked.python),
            stdin=nothing,
            stdout=stdout,
            stderr=stderr,
            cwd=asked.cwd,
            env=environment,
            start_new_session=True,
            preexec_fn=_die_with_parent(),
            pass_fds=() if descriptor is None else (descriptor,),
        )
    process.returncode = 0  # the supervisor waits for all its children itself
    return process.pid


def start_maker(folder: RunFolder) -> int:
    """Start the process that makes the run's environment; return its pid, process group, session.

    Raises:
        OSError: it cannot be started.

    """
    environment = {k: v for k, v in os.environ.items() if k != secrets.VARIABLE}
    with folder.supervisor_log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "towline.runs.make_environment", str(folder.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",  # `-m` looks for modules here first: not among the user's files
            env={**environment, VARIABLE: str(folder.path)},
            start_new_session=True,
            preexec_fn=_die_with_parent(),
        )
    process.returncode = 0  # the supervisor waits for all its children itself
    return process.pid


def answer_path(folder: RunFolder) -> Path:
    """Return where the maker of the environment writes the interpreter's path."""
    return folder.path / "python"


def words_of(asked: Asked, python: str) -> list[str]:
    """Return the command that a run starts: the script with its interpreter, or a workflow's."""
    if asked.command is None:
        return [python, asked.script, *asked.argv]
    program, *words = asked.command
    return [python if program in ("python", "python3") else program, *words]


def _beside(folder: RunFolder, python: str | None) -> dict[str, str]:
    """Return variables of a workflow's command: where its inputs are, and which Python it means."""
    asked = folder.asked
    if asked.workflow is None:
        return {}
    programs = folder.path / "bin"
    programs.mkdir(mode=0o700, exist_ok=True)
    for name in ("python", "python3"):
        # Not a link: by its own path an interpreter knows its environment.
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(python or asked.python)} "$@"\n')
        program.chmod(0o700)
    path = os.environ.get("PATH", os.defpath)
    return {"TOWLINE_INPUTS": str(folder.inputs_json), "PATH": f"{programs}{os.pathsep}{path}"}


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
