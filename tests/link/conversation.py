"""Talk through a link, cut it, and keep what it reports."""

from __future__ import annotations

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

from towline.link import Link

QUICK = {"ping_seconds": 0.2, "dead_seconds": 1.5}


class Events:
    """What a link reported, in order."""

    def __init__(self) -> None:
        self.all: list[tuple[str, dict[str, object]]] = []

    def __call__(self, event: str, **facts: object) -> None:
        self.all.append((event, facts))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.all]

    def first(self, name: str) -> dict[str, object]:
        return next(facts for event, facts in self.all if event == name)


def dial(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 20)


def read_all(connection: socket.socket) -> bytes:
    pieces = []
    while piece := connection.recv(1 << 18):
        pieces.append(piece)
    return b"".join(pieces)


def exchange(port: int, data: bytes) -> bytes:
    """Send bytes to an echo server through the link, end, and return what came back."""
    with dial(port) as manager, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(read_all, manager)
        manager.sendall(data)
        manager.shutdown(socket.SHUT_WR)
        return answer.result(60)


def cut(link: Link) -> None:
    """Kill the carrier's process on this side, as a lost connection does."""
    os.kill(link.stats()["carrier_pid"], signal.SIGKILL)
