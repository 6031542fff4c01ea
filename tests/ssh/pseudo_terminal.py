"""A person at a terminal: a program on a pseudo-terminal, what it shows, what is typed."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time

LOGIN = """\
import sys
from towline.errors import TowlineError
from towline.ssh import Connection, Destination
try:
    Connection(Destination.from_json(sys.argv[1])).login()
except TowlineError as error:
    print(error)
    sys.exit(error.exit_code)
print("logged in")
if len(sys.argv) > 2:
    input("go on? ")
"""


class PseudoTerminal:
    """Starts a program with a terminal of its own."""

    def __init__(self, *command: str) -> None:
        self.seen = ""
        self._screen, inner = os.openpty()
        # The child gets the terminal as its controlling one, as after opening a window.
        opener = (
            "import fcntl, os, sys, termios\n"
            "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
            "os.execvp(sys.argv[1], sys.argv[1:])"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", opener, *command],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
        )
        os.close(inner)

    def expect(self, pattern: str, seconds: float = 20.0) -> None:
        """Wait until the screen shows the pattern after what was expected before."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen)):
            left = deadline - time.monotonic()
            assert left > 0, f"waited {seconds:.0f} s in vain for {pattern!r}; seen: {self.seen}"
            if select.select([self._screen], [], [], left)[0]:
                try:
                    data = os.read(self._screen, 4096)
                except OSError:
                    data = b""
                assert data, f"ended before {pattern!r}; seen: {self.seen}"
                self.seen += data.decode(errors="replace").replace("\r", "")
        self.seen = self.seen[found.end() :]

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._screen, text.encode() + b"\n")

    def interrupt(self, pattern: str) -> None:
        """Press Ctrl-C, as often as it takes, until the screen shows the pattern.

        Once is mostly enough; ssh misses one that comes just before it begins to read.
        """
        for attempt in range(20):
            os.write(self._screen, b"\x03")
            try:
                self.expect(pattern, 1.0)
            except AssertionError:
                if attempt == 19:
                    raise
            else:
                return

    def wait(self, seconds: float = 20.0) -> int:
        """Return the program's exit code."""
        return self._process.wait(seconds)

    def close(self) -> None:
        """Close the window, as a person does; what hangs on the terminal gets SIGHUP."""
        if self._screen < 0:
            return
        os.close(self._screen)
        self._screen = -1
        self._process.kill()
        self._process.wait()


def log_in(json: str, *more: str) -> PseudoTerminal:
    """Start the log-in to a destination on a new terminal."""
    return PseudoTerminal(sys.executable, "-c", LOGIN, json, *more)
