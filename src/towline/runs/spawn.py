"""Start a supervisor or a reaper, detached from whoever asks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from towline.errors import RunError
from towline.runs import secrets as handing
from towline.runs.ending import disk_is_full, tail_of
from towline.runs.folder import VARIABLE, RunFolder
from towline.runs.liveness import final_event
from towline.runs.state import RunState

START_SECONDS = 30.0


def start_supervisor(
    folder: RunFolder, secrets: Mapping[str, Any] | None = None
) -> subprocess.Popen[bytes]:
    """Start the process that runs the script; it outlives its parent and the terminal.

    Args:
        folder: the run's.
        secrets: what only the script may see; handed over in memory.

    Raises:
        RunError: when no process can be started.

    """
    return _start(folder, secrets=secrets)


def is_up(folder: RunFolder, supervisor: subprocess.Popen[bytes]) -> bool:
    """Say whether a supervisor just started has taken the run over; end the run when it died.

    Then the run's ``ended`` event says why, in the supervisor's own last words.
    """
    if folder.keeper() is not None:
        return True
    code = supervisor.poll()
    if code is None:
        return False
    if folder.keeper() is None and final_event(folder) is None:
        lines = tail_of(folder.supervisor_log).split("\n")
        words = next((line for line in reversed(lines) if line.strip()), f"exit code {code}")
        if disk_is_full(folder):
            words = "the disk that holds the run folder is full"
        folder.events.append(
            "ended",
            state=RunState.FAILED.value,
            exit_code=RunError.exit_code,
            reason=f"the run's supervisor did not start: {words}",
            seconds=0.0,
            leftovers=[],
        )
    return True


def start_detached(folder: RunFolder, secrets: Mapping[str, Any] | None = None) -> None:
    """Start a supervisor and return when the run no longer needs this process.

    Raises:
        RunError: when it does not start; the run has then ended.

    """
    supervisor = start_supervisor(folder, secrets)
    deadline = time.monotonic() + START_SECONDS
    while not is_up(folder, supervisor):
        if time.monotonic() > deadline:
            raise RunError(
                f"run {folder.number}",
                f"its supervisor has not spoken for {START_SECONDS:.0f} s",
                f"towline run show {folder.number}, and {folder.supervisor_log}",
            )
        time.sleep(0.02)
    if folder.keeper() is None and (last := final_event(folder)):
        raise RunError(f"run {folder.number}", str(last.facts["reason"]))


def start_reaper(folder: RunFolder) -> subprocess.Popen[bytes]:
    """Start the process that cleans up after a supervisor that vanished.

    Harmless when somebody else was faster: a lock lets one of them work.

    Raises:
        RunError: when no process can be started.

    """
    return _start(folder, "--reap")


def _start(
    folder: RunFolder, *options: str, secrets: Mapping[str, Any] | None = None
) -> subprocess.Popen[bytes]:
    inner = (VARIABLE, handing.VARIABLE)  # this process may be a run's script itself
    environment = {k: v for k, v in os.environ.items() if k not in inner}
    if not options and folder.asked.workflow is not None:
        environment = {k: v for k, v in environment.items() if not k.startswith(handing.WRITTEN)}
    try:
        with (
            folder.supervisor_log.open("ab") as log,
            handing.descriptor_of(secrets or {}) as descriptor,
        ):
            if descriptor is not None:
                environment[handing.VARIABLE] = handing.named(descriptor)
            return subprocess.Popen(
                [sys.executable, "-m", "towline.runs.supervisor", *options, str(folder.path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",  # `-m` looks for modules here first: not among the user's files
                env=environment,
                start_new_session=True,
                pass_fds=() if descriptor is None else (descriptor,),
            )
    except OSError as error:
        raise RunError(
            f"run {folder.number}", f"its supervisor cannot be started: {error.strerror}"
        ) from error
