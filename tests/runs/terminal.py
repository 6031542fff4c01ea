"""A command on a pseudo-terminal, as a person at a keyboard has it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Sequence

import pytest

CTRL_C = b"\x03"
_ERASE = re.compile(r"\r\x1b\[\d+A\x1b\[J")


class Terminal:
    """Start a command on a terminal of 80 columns; type, read, wait for words."""

    def __init__(self, command: Sequence[str], cwd: str) -> None:
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env={**os.environ, "TERM": "xterm"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.raw = ""

    @property
    def frames(self) -> list[str]:
        """Return what was shown between two redraws of the status lines."""
        return _ERASE.split(self.raw.replace("\r\n", "\n"))

    def wait_for(self, words: str, seconds: float = 30.0) -> None:
        """Read until some words have been shown."""
        deadline = time.monotonic() + seconds
        while words not in self.raw:
            if not self._read() or time.monotonic() > deadline:
                pytest.fail(f"{words!r} was not shown; but:\n{self.raw}")

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.master, keys)

    def wait(self, seconds: float = 30.0) -> int:
        """Read to the end; return the command's exit code."""
        deadline = time.monotonic() + seconds
        while self._read():
            if time.monotonic() > deadline:
                pytest.fail(f"the command did not end:\n{self.raw}")
        return self.process.wait(10)

    def hang_up(self) -> None:
        """Close the terminal, as when its window is closed."""
        os.close(self.master)
        self.master = -1

    def close(self) -> None:
        """End the command and the terminal."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.master >= 0:
            os.close(self.master)

    def _read(self) -> bool:
        """Read what comes within a second; return whether more may come."""
        ready, _, _ = select.select([self.master], [], [], 1.0)
        if not ready:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False  # the last process on the terminal has gone
        self.raw += data.decode(errors="replace")
        return bool(data)
