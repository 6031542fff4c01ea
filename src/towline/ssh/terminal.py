"""Run a command in the terminal's foreground, as a shell does, in a process group of its own.

The ``ssh`` of a jump host stays behind the shared connection; in our own process group the
user's next Ctrl-C would end it, and the connection with it.
"""

from __future__ import annotations

import os
import signal
import subprocess


class NoTerminal(Exception):
    """No terminal on which a person could answer."""


def run_in_foreground(command: list[str]) -> int:
    """Run the command with our standard streams and the terminal; return its exit code.

    Raises:
        NoTerminal: this process has none.
        FileNotFoundError: there is no such command.

    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        raise NoTerminal from None
    ours = os.tcgetpgrp(terminal)
    try:
        child = subprocess.Popen(
            command,
            preexec_fn=lambda: _take(terminal, os.getpid(), own_group=True),
        )
        try:
            return child.wait()
        finally:
            if child.returncode is None:
                child.kill()
                child.wait()
            _take(terminal, ours)
    finally:
        os.close(terminal)


def _take(terminal: int, group: int, *, own_group: bool = False) -> None:
    """Put a process group in the foreground, without being stopped for doing so from behind."""
    if own_group:
        os.setpgid(0, 0)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        os.tcsetpgrp(terminal, group)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
