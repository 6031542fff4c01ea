"""One ``ssh`` process over the shared connection: bytes in, bytes out, limits kept."""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import IO

from towline.ssh.framing import MarkedStream, framed

_READ = 1 << 18
_STDERR_KEPT = 1 << 20
_LINGER_SECONDS = 0.5
GONE = "towline: the shared connection is gone"
"""What ``ssh`` says instead of connecting anew; no command was sent then."""
_REFUSED = ("session request failed", "Session open refused by peer")


class Ending(Enum):
    """How a session came to its end."""

    COMPLETE = "complete"
    GONE = "no master: nothing was sent"
    REFUSED = "the server gives no more sessions: nothing was sent"
    NO_SHELL = "the far side ended before our first line ran"
    DROPPED = "the far side ended before our last line ran"
    TIMED_OUT = "the time limit passed"
    STALLED = "no byte moved for too long"
    OVERFLOW = "more output than allowed"


@dataclass(frozen=True)
class Outcome:
    """What a session left behind."""

    ending: Ending
    exit_code: int
    stderr: bytes
    """The script's own standard error, its last megabyte."""
    words: str
    """What ssh and the rc files wrote, for messages."""
    seconds: float


class TooMuchOutput(Exception):
    """Raised by a receiver to end the session: :attr:`Ending.OVERFLOW`."""


@dataclass(frozen=True)
class Limits:
    """When a session has to end: after ``total`` seconds, or ``stall`` seconds without a byte."""

    total: float | None = None
    stall: float | None = None


def mux_command(socket: str, *, quiet: bool = True) -> list[str]:
    """Return ``ssh`` and the options that use this socket and can never connect anew."""
    return [
        *("ssh", "-F", "none", "-T", "-S", socket.replace("%", "%%"), "-o", "ControlMaster=no"),
        *("-o", f'ProxyCommand=sh -c "echo {GONE} >&2; exit 1"'),
        *(("-o", "LogLevel=ERROR") if quiet else ()),
    ]


def exchange(
    command: list[str],
    script: str,
    source: Iterable[bytes],
    receive: Callable[[bytes], None],
    limits: Limits,
) -> Outcome:
    """Run ``script`` through ``command`` (an ssh that runs ``BOOT``) and wait for its end.

    Args:
        command: argv of the local process.
        script: POSIX shell; what it reads is ``source``.
        source: pieces of the script's standard input, taken as they are needed.
        receive: called with the script's standard output as it comes.
        limits: the total also bounds the script on the remote side.

    """
    nonce = "towline-" + secrets.token_hex(12)
    remote_limit = None if limits.total is None else int(limits.total) + 3
    head = framed(script, nonce, remote_limit)
    stderr = _Tail(_STDERR_KEPT)
    out, err = MarkedStream(nonce, receive), MarkedStream(nonce, stderr.add)
    began = time.monotonic()
    with _process(command) as ssh:
        ending = _pump(ssh, _chain(head, source), out, err, limits)
        code = _end(ssh, gracefully=ending is Ending.COMPLETE)
    err.finish()
    words = (err.noise + (b"" if err.started else out.noise)).decode(errors="backslashreplace")
    if ending is Ending.COMPLETE and not out.ended:
        ending = _why_incomplete(out, words + stderr.text(), code)
    seconds = time.monotonic() - began
    return Outcome(ending, out.exit_code or 0, bytes(stderr.data), words.strip(), seconds)


def _why_incomplete(out: MarkedStream, words: str, ssh_code: int) -> Ending:
    if out.started:
        return Ending.DROPPED
    if any(refused in words for refused in _REFUSED):
        return Ending.REFUSED
    if GONE in words:
        return Ending.GONE
    return Ending.DROPPED if ssh_code in (255, -9, -15) else Ending.NO_SHELL


def _pump(
    ssh: subprocess.Popen[bytes],
    source: Iterator[bytes],
    out: MarkedStream,
    err: MarkedStream,
    limits: Limits,
) -> Ending:
    """Move bytes until both output streams are over or a limit is reached."""
    assert ssh.stdin and ssh.stdout and ssh.stderr  # noqa: S101 - for the type checker
    started = moved = time.monotonic()
    pending = memoryview(b"")
    with selectors.DefaultSelector() as streams:
        for pipe, marked in ((ssh.stdout, out), (ssh.stderr, err)):
            streams.register(pipe, selectors.EVENT_READ, marked)
        os.set_blocking(ssh.stdin.fileno(), False)
        streams.register(ssh.stdin, selectors.EVENT_WRITE)
        while streams.get_map():
            now = time.monotonic()
            ends = [
                *([(started + limits.total, Ending.TIMED_OUT)] if limits.total is not None else ()),
                *([(moved + limits.stall, Ending.STALLED)] if limits.stall is not None else ()),
                *([(moved + _LINGER_SECONDS, Ending.COMPLETE)] if out.ended and err.ended else ()),
            ]
            end, ending = min(ends, default=(now + 3600.0, None), key=lambda pair: pair[0])
            if ending and now >= end:
                return ending
            for key, _ in streams.select(end - now):
                moved = time.monotonic()
                if key.fileobj is ssh.stdin:
                    pending = pending or memoryview(next(source, b""))
                    if not pending or (pending := _write(ssh.stdin, pending)) is None:
                        streams.unregister(ssh.stdin)
                        ssh.stdin.close()
                elif data := os.read(key.fd, _READ):
                    try:
                        key.data.feed(data)
                    except TooMuchOutput:
                        return Ending.OVERFLOW
                else:
                    streams.unregister(key.fileobj)
        out.finish()
    return Ending.COMPLETE
