"""Let a person who has no terminal here answer what ssh asks at a log-in.

ssh starts a small helper for each question (``SSH_ASKPASS``); the helper asks us over a socket that
only this user can reach. Answers pass through memory: never in an argument, a log or a file.
"""

from __future__ import annotations

import os
import secrets
import shlex
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from towline.folders import runtime_folder
from towline.ssh.askpass_helper import MOST_BYTES

Ask = Callable[[str], "str | None"]
"""Called with ssh's words; returns what was typed, or None when nobody answered."""

_HELPER = Path(__file__).with_name("askpass_helper.py")
_GLANCE_SECONDS = 0.2


def run_asking(command: list[str], ask: Ask, seconds: float) -> tuple[int | None, str]:
    """Run ssh; return its exit code (None: took too long, or nobody answered) and its words.

    Raises:
        FileNotFoundError: there is no ssh.

    """
    deadline = time.monotonic() + seconds
    with ExitStack() as stack:
        path, listener = stack.enter_context(_listening())
        helper = stack.enter_context(_helper(path))
        words = stack.enter_context(tempfile.TemporaryFile(dir=path.parent))
        ssh = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            env={**os.environ, "SSH_ASKPASS": str(helper), "SSH_ASKPASS_REQUIRE": "force"},
            start_new_session=True,  # no terminal: it must not ask there
        )
        answered = True
        try:
            while answered and ssh.poll() is None and time.monotonic() < deadline:
                with suppress(TimeoutError):
                    answered = _answer_one(listener, ask)
        finally:
            if ssh.poll() is None:
                os.killpg(ssh.pid, signal.SIGKILL)  # with its helper and its jump hosts
                ssh.wait()
                code = None
            else:
                code = ssh.returncode
        words.seek(0)
        return code, words.read(1 << 20).decode(errors="backslashreplace")


@contextmanager
def _listening() -> Iterator[tuple[Path, socket.socket]]:
    path = runtime_folder() / f"{secrets.token_hex(6)}.ask"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        old = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(old)
        try:
            listener.listen(4)
            listener.settimeout(_GLANCE_SECONDS)
            yield path, listener
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def _helper(socket_path: Path) -> Iterator[Path]:
    """Write the one program that ssh starts: it takes no arguments of ours."""
    words = [sys.executable, "-I", "-S", str(_HELPER), str(socket_path)]
    path = socket_path.with_suffix(".askpass")
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700), "w") as file:
        file.write(f'#!/bin/sh\nexec {shlex.join(words)} "$1"\n')
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _answer_one(listener: socket.socket, ask: Ask) -> bool:
    """Take one question, if there is one; return False when nobody answered it."""
    asker, _ = listener.accept()
    with asker:
        asker.settimeout(10.0)
        _, user, _ = (
            struct.unpack(
                "3i", asker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            )
            if hasattr(socket, "SO_PEERCRED")
            else (0, os.getuid(), 0)
        )
        if user not in (os.getuid(), 0):
            return True
        prompt = b""
        while len(prompt) < MOST_BYTES and (more := asker.recv(4096)):
            prompt += more
        typed = ask(prompt.decode(errors="replace").strip())
        if typed is None:
            return False
        with suppress(OSError):  # ssh has left meanwhile
            asker.sendall(typed.encode() + b"\n")
        return True
