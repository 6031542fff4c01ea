"""The agent's door: the unix socket in its private folder, and who may come in."""

import hmac
import json
import os
import socket
from typing import Any, Callable, Dict, List, Tuple

from .candidate import Candidate
from .folder import Log
from .frames import ProtocolError
from .handshake import (
    OTHER_VERSION,
    REFUSED,
    STATE_LOST,
    VERSIONS,
    Message,
    common_version,
    text_field,
    version_range,
    whole_number,
)
from .loop import READ, Loop
from .names import SOCKET

REFUSAL_SECONDS = 1.0
"""A wrong secret is answered this late and only a few at a time: guessing gets nowhere."""

MOST_CANDIDATES = 4


class Door:
    """Listen on the unix socket in the current folder; judge each hello.

    Args:
        status: makes the facts for who only asks.
        enter: called with (candidate, protocol version, frames it has received, bytes after its
            hello) for one with the right session and secret; takes it by ``let_in``, or turns it
            away by ``send_away``.
        state_lost: called once when the session turns out to be lost.

    Raises:
        OSError: when the socket cannot be made here.

    """

    def __init__(
        self,
        loop: Loop,
        session: str,
        secret: str,
        log: Log,
        status: Callable[[], Dict[str, Any]],
        enter: Callable[[Candidate, int, int, bytes], None],
        state_lost: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._session = session
        self._secret = secret.encode()
        self._log = log
        self._status = status
        self._enter = enter
        self._when_state_lost = state_lost
        self._state_lost = ""
        self._candidates: List[Candidate] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        if os.path.lexists(SOCKET):
            os.unlink(SOCKET)  # of an agent that was killed: start asked, nobody answered
        self._socket.bind(SOCKET)
        os.chmod(SOCKET, 0o600)
        self._socket.listen(16)
        self._socket.setblocking(False)
        loop.watch(self._socket.fileno(), READ, self._knock)

    def close(self) -> None:
        """Let nobody in any more; the socket's file stays."""
        self._loop.unwatch(self._socket.fileno())
        self._socket.close()

    def let_in(self, candidate: Candidate) -> Tuple[socket.socket, int, int]:
        """Return (connection of the attach process, incoming fd, outgoing fd)."""
        self._candidates.remove(candidate)
        return candidate.release()

    def send_away(self, candidate: Candidate, answer: Message) -> None:
        """Answer a candidate that is still there, and close."""
        if candidate in self._candidates:
            candidate.answer(answer)
            candidate.close()
            self._candidates.remove(candidate)

    def lose_state(self, reason: str) -> None:
        """Tell whoever comes from now on that the session cannot be resumed."""
        if not self._state_lost:
            self._log.write("state lost: " + reason)
            self._state_lost = reason
            self._when_state_lost()

    def _knock(self, _events: int) -> None:
        try:
            connection = self._socket.accept()[0]
        except OSError:
            return
        if len(self._candidates) >= MOST_CANDIDATES:
            connection.close()
            return
        self._candidates.append(
            Candidate(self._loop, connection, self._hello, self._tell_status, self._gone)
        )

    def _gone(self, candidate: Candidate, reason: str) -> None:
        self._candidates.remove(candidate)
        self._log.write("a carrier did not attach: " + reason)

    def _tell_status(self, candidate: Candidate) -> None:
        try:
            candidate.connection.send(json.dumps(self._status()).encode())
        except OSError:
            pass
        candidate.close()
        self._candidates.remove(candidate)

    def _hello(self, candidate: Candidate, message: Message, early: bytes) -> None:
        try:
            versions = version_range(message)
            secret = text_field(message, "secret")
            session = text_field(message, "session")
            received = whole_number(message, "received")
        except ProtocolError as error:
            self._log.write(f"refused: {error}")
            self.send_away(candidate, {"answer": REFUSED, "reason": str(error)})
            return
        version = common_version(VERSIONS, versions)
        if not hmac.compare_digest(secret.encode(), self._secret):
            self._log.write("refused: wrong secret")
            refusal = {"answer": REFUSED, "reason": "wrong secret"}
            self._loop.call_later(REFUSAL_SECONDS, lambda: self.send_away(candidate, refusal))
        elif version is None:
            self._log.write(f"refused: speaks protocol versions {versions[0]} to {versions[1]}")
            self.send_away(candidate, {"answer": OTHER_VERSION, "versions": list(VERSIONS)})
        elif self._state_lost or session != self._session:
            self.lose_state("the agent serves another session")
            self.send_away(candidate, {"answer": STATE_LOST, "reason": self._state_lost})
        else:
            self._enter(candidate, version, received, early)
