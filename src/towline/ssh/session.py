"""One ``ssh`` process over the shared connection: bytes in, bytes out, limits kept."""

from __future__ import annotations

import math
import os
import secrets
import selectors
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from typing import IO

from towline.ssh.framing import BOOT, MarkedStream, framed

GONE = "towline: the shared connection is gone"
"""What ``ssh`` says instead of connecting anew; no command was sent then."""
_REFUSED = ("session request failed", "Session open refused by peer")
_READ_BYTES = 1 << 18
_STDERR_BYTES = 1 << 20
_LINGER_SECONDS = 0.5
_REMOTE_GRACE_SECONDS = 3


class Ending(Enum):
    """How a session came to its end."""

    COMPLETE = "complete"
    GONE = "there is no master; nothing was sent"
    REFUSED = "the server gives no more sessions; nothing was sent"
    NO_SHELL = "the far side ended before our first line ran"
    DROPPED = "the connection ended before our last line ran"
    TIMED_OUT = "the time limit passed"
    STALLED = "no byte moved for too long"
    OVERFLOW = "more output than allowed"


@dataclass(frozen=True)
class Limits:
    """When a session has to end: after ``total`` seconds, or ``stall`` seconds without a byte."""

    total: float | None = None
    stall: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What a session left behind."""

    ending: Ending
    exit_code: int
    """The script's own, when the ending is COMPLETE."""
    stderr: bytes
    """The script's standard error; of more than a megabyte the last."""
    words: str
    """What ssh and rc files wrote besides the script, for messages."""
    seconds: float


class CannotStart(Exception):
    """No ``ssh`` process could be started here: not installed, or no process or file left."""


class TooMuchOutput(Exception):
    """Raised by a receiver to end the session with :attr:`Ending.OVERFLOW`."""


def mux_command(socket: str) -> list[str]:
    """Return ``ssh`` with the options that use this socket and can never connect anew.

    The host name after it is not looked up; the user's ssh_config is not read.
    """
    return [
        *("ssh", "-F", "none", "-T", "-S", socket.replace("%", "%%"), "-o", "ControlMaster=no"),
        *("-o", f'ProxyCommand=sh -c "echo {GONE} >&2; exit 1"', "-o", "LogLevel=ERROR"),
    ]


def exchange(
    socket: str,
    script: str,
    source: Iterable[bytes],
    receive: Callable[[bytes], None],
    limits: Limits,
) -> Outcome:
    """Run a script over the shared connection and wait for its end.

    Args:
        socket: the master's control socket.
        script: POSIX shell; what it reads from standard input is ``source``.
        source: pieces of that input, taken as they are needed.
        receive: called with the script's standard output as it comes.
        limits: ``total`` also bounds the script on the remote side, where ``timeout`` exists.

    """
    nonce = "towline-" + secrets.token_hex(12)
    remote_limit = None if limits.total is None else int(limits.total) + _REMOTE_GRACE_SECONDS
    stderr = bytearray()

    def keep_last(data: bytes) -> None:
        stderr.extend(data)
        del stderr[:-_STDERR_BYTES]

    out, err = MarkedStream(nonce, receive), MarkedStream(nonce, keep_last)
    began = time.monotonic()
    with _ssh([*mux_command(socket), "cluster", BOOT]) as ssh:
        pieces = chain([framed(script, nonce, remote_limit)], source)
        try:
            ending = _pump(ssh, pieces, out, err, limits)
            out.finish()
        except TooMuchOutput:
            ending = Ending.OVERFLOW
        err.finish()
        if ending is Ending.COMPLETE and not out.ended:
            ending = _why_incomplete(out, err, bytes(stderr), _exit_code(ssh))
    noise = err.noise + (b"" if out.started else b"\n" + out.noise)
    return Outcome(
        ending,
        out.exit_code or 0,
        bytes(stderr),
        noise.decode(errors="backslashreplace").strip(),
        time.monotonic() - began,
    )


def _why_incomplete(out: MarkedStream, err: MarkedStream, stderr: bytes, ssh_code: int) -> Ending:
    if out.started or err.started:
        return Ending.DROPPED
    words = (err.noise + stderr).decode(errors="replace")
    if any(refused in words for refused in _REFUSED):
        return Ending.REFUSED
    if GONE in words:
        return Ending.GONE
    return Ending.DROPPED if ssh_code in (255, -9, -15) else Ending.NO_SHELL


@contextmanager
def _ssh(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run ssh with pipes; whatever happens in the block, it is gone after it."""
    try:
        ssh = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # Ctrl-C in the terminal is for us to handle
        )
    except OSError as error:
        raise CannotStart(error.strerror or str(error)) from error
    try:
        yield ssh
    finally:
        for pipe in _pipes(ssh):
            pipe.close()
        _exit_code(ssh)


def _exit_code(ssh: subprocess.Popen[bytes]) -> int:
    """Return the exit code of an ssh that has nothing more to do; it is not waited for long."""
    try:
        return ssh.wait(_LINGER_SECONDS)
    except subprocess.TimeoutExpired:
        ssh.kill()
        return ssh.wait()


def _pipes(ssh: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    assert ssh.stdin and ssh.stdout and ssh.stderr  # noqa: S101 - all three were asked for
    return ssh.stdin, ssh.stdout, ssh.stderr


def _pump(
    ssh: subprocess.Popen[bytes],
    source: Iterator[bytes],
    out: MarkedStream,
    err: MarkedStream,
    limits: Limits,
) -> Ending:
    """Move bytes until both output streams are over or a limit is reached."""
    stdin, stdout, stderr = _pipes(ssh)
    began = moved = time.monotonic()
    both_ended: float | None = None
    pending = memoryview(b"")
    with selectors.DefaultSelector() as streams:
        streams.register(stdout, selectors.EVENT_READ, out)
        streams.register(stderr, selectors.EVENT_READ, err)
        os.set_blocking(stdin.fileno(), False)
        streams.register(stdin, selectors.EVENT_WRITE)
        while any(key.data for key in streams.get_map().values()):
            due, ending = _next_limit(began, moved, both_ended, limits)
            if (now := time.monotonic()) >= due:
                return ending
            for key, _ in streams.select(min(due - now, 3600.0)):
                moved = time.monotonic()
                if key.fileobj is stdin:
                    pending = pending or memoryview(next(source, b""))
                    written = _write_some(stdin, pending)
                    pending = pending[written:]
                    if not written:
                        streams.unregister(stdin)
                        stdin.close()
                elif data := os.read(key.fd, _READ_BYTES):
                    key.data.feed(data)
                else:
                    streams.unregister(key.fileobj)
            if out.ended and err.ended:
                both_ended = both_ended or moved
    return Ending.COMPLETE


def _write_some(pipe: IO[bytes], data: memoryview) -> int:
    """Write what the ready pipe takes; 0 when there is nothing to write or nobody reads."""
    try:
        return os.write(pipe.fileno(), data) if data else 0
    except BrokenPipeError:
        return 0


def _next_limit(
    began: float, moved: float, both_ended: float | None, limits: Limits
) -> tuple[float, Ending]:
    """Return when the session has to end at the latest, and how that ending is called."""
    due = [(math.inf, Ending.STALLED)]
    if limits.total is not None:
        due.append((began + limits.total, Ending.TIMED_OUT))
    if limits.stall is not None:
        due.append((moved + limits.stall, Ending.STALLED))
    if both_ended is not None:  # a process left behind may hold our streams open for ever
        due.append((both_ended + _LINGER_SECONDS, Ending.COMPLETE))
    return min(due, key=lambda pair: pair[0])
