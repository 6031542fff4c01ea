"""A carrier: one pair of byte streams between both ends, until it breaks.

On the workspace the streams are the stdio of an ssh process, on the controller those that sshd
gave to ``attach``. A carrier owns no numbered frame: it draws them from the session and dies with
its streams.
"""

import fcntl
import os
import sys
import time
from typing import Callable, List

from .frames import PING, Buffer, Decoder, ProtocolError
from .loop import READ, WRITE, Loop
from .session import Session

PULL_BYTES = 256 * 1024
MOST_BUFFERS = 512
"""Buffers in one vectored write; the system's limit is 1024."""

F_SETPIPE_SZ = 1031
"""Linux's number; Python knows it since 3.10."""

WIDE_BYTES = 1024 * 1024
ROOM_SECONDS = 0.001
"""How long to leave a full wide pipe alone. At 1 GB/s it is just empty then; asking for each free
page instead, as ssh reads 16 kB at a time, costs several times the CPU."""


class CarrierSettings:
    """How soon a silent carrier is noticed.

    Args:
        ping_seconds: ask for a sign of life after this long without one.
        dead_seconds: give the carrier up after this long without one.

    """

    def __init__(self, ping_seconds: float = 5.0, dead_seconds: float = 20.0) -> None:
        self.ping_seconds = ping_seconds
        self.dead_seconds = dead_seconds


class Carrier:
    """Move frames between a session and two non-blocking file descriptors.

    Args:
        fd_in: where the other end's bytes arrive; ``fd_out``: where ours go. Both are closed by
            ``close``.
        handle: called with (type, channel, payload) of each frame.
        lost: called once with the reason when the carrier breaks by itself.
        greeting: bytes to write before the first frame.

    """

    def __init__(
        self,
        loop: Loop,
        fd_in: int,
        fd_out: int,
        session: Session,
        settings: CarrierSettings,
        handle: Callable[[int, int, memoryview], None],
        lost: Callable[[str], None],
        greeting: bytes = b"",
    ) -> None:
        self._loop = loop
        self._fd_in = fd_in
        self._fd_out = fd_out
        self._session = session
        self._settings = settings
        self._handle = handle
        self._lost = lost
        self._decoder = Decoder()
        self._out: List[Buffer] = [greeting] if greeting else []
        self._blocked = False
        self._closed = False
        self._heard = time.monotonic()
        self._timer = loop.call_later(settings.ping_seconds, self._tick)
        self.read_bytes = 0
        self.written_bytes = 0
        widen(fd_in)
        self._wide = widen(fd_out) >= WIDE_BYTES
        loop.watch(fd_in, READ, self._readable)
        session.send_unnumbered(PING, _microseconds())

    def take(self, early: bytes) -> None:
        """Handle bytes that arrived in one piece with the handshake."""
        while early and not self._closed:
            room = self._decoder.room()
            count = min(len(room), len(early))
            room[:count] = early[:count]
            early = early[count:]
            self._decode(count)

    def flush(self) -> None:
        """Write what the session has for the other end, as far as the stream takes it."""
        if self._blocked or self._closed:
            return
        while self._out or self._session.has_output:
            if not self._out:
                self._out = self._session.pull(PULL_BYTES)
            try:
                written = os.writev(self._fd_out, self._out[:MOST_BUFFERS])
            except BlockingIOError:
                self._wait_for_room()
                return
            except OSError as error:
                self._break("cannot write: " + str(error.strerror))
                return
            self.written_bytes += written
            _drop(self._out, written)

    def acknowledge(self) -> None:
        """Send the acknowledgement that is owed, without waiting for frames to go with it."""
        if self._session.owes_ack:
            self._out.extend(self._session.pull(0))
            self.flush()

    @property
    def drained(self) -> bool:
        """True when nothing waits for the stream."""
        return not self._out and not self._session.has_output

    def close(self) -> None:
        """Stop using the streams and close them; ``lost`` is not called."""
        if self._closed:
            return
        self._closed = True
        self._timer.cancel()
        for fd in {self._fd_in, self._fd_out}:
            self._loop.unwatch(fd)
            os.close(fd)

    def _readable(self, _events: int) -> None:
        try:
            count = os.readv(self._fd_in, [self._decoder.room()])
        except BlockingIOError:
            return
        except OSError as error:
            self._break("cannot read: " + str(error.strerror))
            return
        if count == 0:
            self._break("closed by the other side")
            return
        self._heard = time.monotonic()
        self.read_bytes += count
        self._decode(count)

    def _decode(self, count: int) -> None:
        try:
            for frame_type, channel, payload in self._decoder.frames(count):
                self._handle(frame_type, channel, payload)
                if self._closed:
                    return
        except ProtocolError as error:
            self._break(f"bytes that are no frame: {error}")

    def _wait_for_room(self) -> None:
        self._blocked = True
        if self._wide:
            self._loop.call_later(ROOM_SECONDS, self._go_on)
        else:
            self._loop.watch(self._fd_out, WRITE, self._writable)

    def _writable(self, _events: int) -> None:
        self._loop.unwatch(self._fd_out)
        self._go_on()

    def _go_on(self) -> None:
        self._blocked = False
        self.flush()

    def _tick(self) -> None:
        silence = time.monotonic() - self._heard
        if silence >= self._settings.dead_seconds:
            self._break(f"no sign of life for {silence:.0f} s")
            return
        if silence >= self._settings.ping_seconds:
            self._session.send_unnumbered(PING, _microseconds())
        self._timer = self._loop.call_later(self._settings.ping_seconds, self._tick)

    def _break(self, reason: str) -> None:
        if not self._closed:
            self.close()
            self._lost(reason)


def widen(fd: int) -> int:
    """Let a pipe hold ``WIDE_BYTES``; return what it holds then, 0 when it stays as it was.

    The wider the pipe, the fewer times both programs at its ends must take turns.
    """
    if not sys.platform.startswith("linux"):
        return 0
    try:
        return fcntl.fcntl(fd, F_SETPIPE_SZ, WIDE_BYTES)
    except OSError:  # no pipe, or this user holds too many wide ones already
        return 0


def round_trip_seconds(stamp: int) -> float:
    """Return how long ago the PING with this stamp was made."""
    return max(0, _microseconds() - stamp) / 1e6


def _microseconds() -> int:
    return int(time.monotonic() * 1e6)


def _drop(buffers: List[Buffer], count: int) -> None:
    """Remove the first ``count`` bytes of ``buffers``."""
    whole = 0
    for buffer in buffers:
        if count < len(buffer):
            break
        count -= len(buffer)
        whole += 1
    del buffers[:whole]
    if count:
        buffers[0] = memoryview(buffers[0])[count:]
