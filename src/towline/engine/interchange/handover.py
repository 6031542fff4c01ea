"""Settle between the script and the process that Parsl starts who is the interchange.

Parsl hands the interchange's configuration to that process alone, so the process offers it back to
the script over a private socket and is told where the interchange runs.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from enum import Enum
from pathlib import Path

from towline.folders import runtime_folder

OFFER_SECONDS = 60.0
"""For the process to come up and offer; it imports next to nothing before."""


class Place(Enum):
    """Where an interchange runs."""

    WORKSPACE = "workspace"
    CONTROLLER = "controller"


class HandOver:
    """The script's end; good for one interchange.

    Attributes:
        path: of the socket, for the process's command line.

    """

    def __init__(self) -> None:
        self.path = runtime_folder() / f"ix-{os.getpid()}-{secrets.token_hex(4)}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.settimeout(OFFER_SECONDS)
        self._listener.bind(str(self.path))
        self._listener.listen(1)
        self._conversation: socket.socket | None = None

    def take(self) -> bytes:
        """Return the configuration that the process offers.

        Raises:
            OSError: it does not come; ``TimeoutError`` after a minute.

        """
        try:
            conversation, _ = self._listener.accept()
        finally:
            self.close()
        self._conversation = conversation
        with conversation.makefile("rb") as stream:
            length = int(stream.readline())
            return stream.read(length)

    def answer(self, place: Place) -> None:
        """Say where the interchange runs."""
        assert self._conversation is not None, "an offer came"  # noqa: S101
        self._conversation.sendall(place.value.encode() + b"\n")

    def end(self) -> None:
        """Let the process end: the interchange on the controller is no more."""
        if self._conversation is not None:
            self._conversation.close()

    def close(self) -> None:
        """Take no offer any more."""
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


def offer(path: str | Path, config: bytes) -> tuple[Place, socket.socket]:
    """Offer a configuration; return where to serve it, and what ends when the script ends it."""
    conversation = socket.socket(socket.AF_UNIX)
    conversation.connect(str(path))
    conversation.sendall(b"%d\n" % len(config) + config)
    with conversation.makefile("rb") as stream:
        answer = stream.readline().decode().strip()
    return Place(answer), conversation
