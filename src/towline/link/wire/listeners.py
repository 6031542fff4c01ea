"""Where worker managers dial in: one TCP listener per executor, added while the run lives."""

import errno
import os
import socket
from typing import Callable, Dict

from .loop import READ, Loop

BACKLOG = 1024
OUT_OF_DESCRIPTORS_SECONDS = 1.0


class Listeners:
    """Listen on the addresses that the client names, and nowhere else.

    Args:
        accepted: called with (socket, listener's number, peer's address) for each connection.
        report: called with a line for the log.

    """

    def __init__(
        self,
        loop: Loop,
        accepted: Callable[[socket.socket, int, str], None],
        report: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._accepted = accepted
        self._report = report
        self._sockets: Dict[int, socket.socket] = {}

    def add(self, number: int, address: str, port: int = 0) -> int:
        """Listen on an IP address; return the port, chosen by the system when ``port`` is 0.

        Raises:
            ValueError: when the number is taken.
            OSError: when it is no address of this host, or the port is taken.

        """
        if number in self._sockets:
            raise ValueError(f"listener {number} exists")
        flags = socket.AI_NUMERICHOST | socket.AI_PASSIVE
        family, kind, _, _, where = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=flags
        )[0]
        sock = socket.socket(family, kind)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(where)
            sock.listen(BACKLOG)
            sock.setblocking(False)
        except OSError:
            sock.close()
            raise
        self._sockets[number] = sock
        self._watch(number, sock)
        return int(sock.getsockname()[1])

    def close(self) -> None:
        """Stop listening everywhere."""
        for sock in self._sockets.values():
            self._loop.unwatch(sock.fileno())
            sock.close()
        self._sockets.clear()

    def _watch(self, number: int, sock: socket.socket) -> None:
        self._loop.watch(sock.fileno(), READ, lambda _: self._accept(number, sock))

    def _accept(self, number: int, sock: socket.socket) -> None:
        while True:
            try:
                connection, peer = sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.ECONNABORTED, errno.EINTR):
                    continue
                self._report(f"cannot accept: {os.strerror(error.errno or 0)}")
                self._rest(number, sock)
                return
            self._accepted(connection, number, f"{peer[0]}:{peer[1]}")

    def _rest(self, number: int, sock: socket.socket) -> None:
        """Wait a moment, most likely for descriptors, instead of failing in a busy loop."""
        self._loop.unwatch(sock.fileno())

        def again() -> None:
            if self._sockets.get(number) is sock:
                self._watch(number, sock)

        self._loop.call_later(OUT_OF_DESCRIPTORS_SECONDS, again)
