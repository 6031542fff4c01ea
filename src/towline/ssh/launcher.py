"""Start the ``ssh`` processes that make, diagnose and log in to a shared connection."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from towline.errors import DefinitionError, HostKeyUnknown, HostUnreachable, LoginNeeded
from towline.folders import runtime_folder
from towline.ssh import mux
from towline.ssh.askpass import Ask, run_asking
from towline.ssh.config import included_files, render_config
from towline.ssh.destination import Destination
from towline.ssh.processes import end_masters
from towline.ssh.refusal import ENDED_BY_PROXY, Refusal, read_refusal
from towline.ssh.terminal import run_in_foreground

_ANSWER_SECONDS = 10.0
_UNSHARED = "already exists, disabling multiplexing"


def start_master(destination: Destination, socket: Path, seconds: float) -> int | Refusal:
    """Start the shared connection unattended; return the master's pid, or why there is none."""
    began = time.monotonic()
    limit = f"ConnectTimeout={max(1, math.ceil(seconds))}"
    code, words = _run(_master(destination, socket, destination.persist_seconds, limit), seconds)
    if code == 0:
        pid = mux.master_pid(socket, _ANSWER_SECONDS)
        if _UNSHARED in words:  # an ssh whose starter was killed had the socket first
            end_masters(socket, keep=pid)
        if pid:
            return pid
        return Refusal(HostUnreachable, "the shared connection ended as soon as it was up")
    if code is None:
        return Refusal(HostUnreachable, f"no answer within {seconds:.0f} s")
    refusal = read_refusal(words)
    if refusal.kind is HostKeyUnknown or refusal.cause == ENDED_BY_PROXY:
        left = max(5.0, seconds - (time.monotonic() - began))
        return _ask_why(destination, socket, left) or refusal
    return refusal


def login_master(destination: Destination, socket: Path, persist_seconds: int) -> int | None:
    """Start the shared connection on the user's terminal, where ssh may ask anything.

    Returns the master's pid, or None when the user or the host gave up.

    Raises:
        NoTerminal: nobody could answer.

    """
    command = _master(destination, socket, persist_seconds, interactive=True)
    try:
        code = run_in_foreground(command)
    except FileNotFoundError:
        raise _no_ssh_client() from None
    return mux.master_pid(socket, _ANSWER_SECONDS) if code == 0 else None


def prompted_master(
    destination: Destination, socket: Path, persist_seconds: int, ask: Ask, seconds: float
) -> int | Refusal:
    """Start the shared connection; whatever ssh asks, ``ask`` answers.

    Returns the master's pid, or why there is none.
    """
    command = _master(destination, socket, persist_seconds, interactive=True)
    typed = False

    def noting(prompt: str) -> str | None:
        nonlocal typed
        answer = ask(prompt)
        typed = typed or answer is not None
        return answer

    try:
        code, words = run_asking(command, noting, seconds)
    except FileNotFoundError:
        raise _no_ssh_client() from None
    if code == 0 and (pid := mux.master_pid(socket, _ANSWER_SECONDS)):
        return pid
    end_masters(socket)
    if code is None:
        return Refusal(LoginNeeded, "nobody answered what the host asked, within its time")
    refusal = read_refusal(words)
    if typed and refusal.kind is LoginNeeded:
        return Refusal(LoginNeeded, "the host did not accept what was typed")
    return refusal


def _ask_why(destination: Destination, socket: Path, seconds: float) -> Refusal | None:
    """Connect once more, unshared and verbose: only so do jump hosts and host keys show."""
    command = _ssh(destination, socket, interactive=False)
    command += [
        "-v",
        "-S",
        "none",
        "-o",
        "ControlMaster=no",
        "-T",
        *destination.arguments(),
        "true",
    ]
    code, words = _run(command, seconds)
    return read_refusal(words) if code else None


def _master(
    destination: Destination, socket: Path, persist: int, *options: str, interactive: bool = False
) -> list[str]:
    words = _ssh(destination, socket, interactive=interactive)
    words += ["-M", "-N", "-f", "-S", str(socket).replace("%", "%%")]
    for option in (f"ControlPersist={persist}", *options):
        words += ["-o", option]
    return words + destination.arguments()


def _ssh(destination: Destination, socket: Path, *, interactive: bool) -> list[str]:
    path = socket.with_suffix(".login" if interactive else ".conf")
    text = render_config(included_files(destination), interactive=interactive)
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    part.replace(path)
    return ["ssh", "-F", str(path)]


def _run(command: list[str], seconds: float) -> tuple[int | None, str]:
    """Run ssh with no terminal at hand; return exit code (None: took too long) and its words.

    Its words go to a file: the master in the background may keep the descriptor for hours.
    """
    environment = {**os.environ, "SSH_ASKPASS_REQUIRE": "never"}
    environment.pop("SSH_ASKPASS", None)
    with tempfile.TemporaryFile(dir=runtime_folder()) as words:
        try:
            ssh = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                env=environment,
                start_new_session=True,  # no terminal: a jump host's ssh can ask nothing either
            )
        except FileNotFoundError:
            raise _no_ssh_client() from None
        code: int | None = None
        try:
            code = ssh.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if ssh.returncode is None:
                os.killpg(ssh.pid, signal.SIGKILL)  # with the ssh of its jump hosts
                ssh.wait()
        words.seek(0)
        return code, words.read(1 << 20).decode(errors="backslashreplace")


def _no_ssh_client() -> DefinitionError:
    return DefinitionError(
        "ssh", "no OpenSSH client on PATH", "install it (Debian: apt install openssh-client)"
    )
