"""A connection on the agent's unix socket, until it has said what it wants.

One byte says it: ``A`` comes with the two descriptors of a carrier, ``S`` asks for the status.
"""

import array
import os
import socket
from typing import Callable, List, Optional, Tuple

from .frames import ProtocolError
from .handshake import Message, MessageReader, encode_message
from .loop import READ, Loop

HELLO_SECONDS = 20.0
"""Time that an attaching client has for its hello, a slow network's round trip included."""

FDS = 2


class Candidate:
    """Somebody who connected: becomes the carrier, gets the status, or is sent away.

    Args:
        said_hello: called with (this, message, bytes after it) once the hello is complete.
        asked_status: called with this candidate.
        gone: called when the candidate gives up, fails or is too slow; it is closed already.

    """

    def __init__(
        self,
        loop: Loop,
        connection: socket.socket,
        said_hello: "Callable[[Candidate, Message, bytes], None]",
        asked_status: "Callable[[Candidate], None]",
        gone: "Callable[[Candidate, str], None]",
    ) -> None:
        self._loop = loop
        self.connection = connection
        self._said_hello = said_hello
        self._asked_status = asked_status
        self._gone = gone
        self._reader = MessageReader()
        self.fds: List[int] = []
        self._timer = loop.call_later(HELLO_SECONDS, lambda: self._fail("said nothing in time"))
        connection.setblocking(False)
        loop.watch(connection.fileno(), READ, self._first_byte)

    def answer(self, message: Message) -> None:
        """Say something before closing; a reader too slow for a few bytes hears nothing."""
        try:
            os.write(self.fds[1], encode_message(message))
        except OSError:
            pass

    def close(self) -> None:
        """Let go of the connection and the descriptors."""
        self._timer.cancel()
        self._loop.unwatch(self.connection.fileno())
        self.connection.close()
        for fd in self.fds:
            self._loop.unwatch(fd)
            os.close(fd)
        self.fds = []

    def release(self) -> Tuple[socket.socket, int, int]:
        """Give (connection, incoming fd, outgoing fd) to a carrier; this object is done."""
        self._timer.cancel()
        self._loop.unwatch(self.connection.fileno())
        fd_in, fd_out = self.fds
        self._loop.unwatch(fd_in)
        self.fds = []
        return self.connection, fd_in, fd_out

    def _fail(self, reason: str) -> None:
        self.close()
        self._gone(self, reason)

    def _first_byte(self, _events: int) -> None:
        word, self.fds = _receive_with_fds(self.connection)
        if word is None:
            return
        if word == b"S":
            self._asked_status(self)
        elif word == b"A" and len(self.fds) == FDS:
            for fd in self.fds:
                os.set_blocking(fd, False)
            self._loop.watch(self.connection.fileno(), READ, self._attach_ended)
            self._loop.watch(self.fds[0], READ, self._hello_bytes)
        else:
            self._fail("neither a carrier nor a question")

    def _attach_ended(self, _events: int) -> None:
        self._fail("ended before its hello")

    def _hello_bytes(self, _events: int) -> None:
        try:
            data = os.read(self.fds[0], 4096)
            complete = self._reader.feed(data)
        except BlockingIOError:
            return
        except (OSError, ProtocolError) as error:
            self._fail(str(error))
            return
        if complete is not None:
            self._loop.unwatch(self.fds[0])
            self._said_hello(self, complete[0], complete[1])
        elif not data:
            self._fail("ended before its hello")


def _receive_with_fds(connection: socket.socket) -> Tuple[Optional[bytes], List[int]]:
    """Read the first byte and the descriptors that came with it; (None, []) when not there yet."""
    fds = array.array("i")
    try:
        word, extras, _flags, _address = connection.recvmsg(
            1, socket.CMSG_SPACE(FDS * fds.itemsize)
        )
    except BlockingIOError:
        return None, []
    except OSError:
        return b"", []
    for level, kind, data in extras:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return word, list(fds)
