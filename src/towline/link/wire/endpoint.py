"""One end of the link: a session, its channels and sockets, and the carrier of the moment."""

import socket
import time
from abc import ABC, abstractmethod
from typing import Dict, Optional, Tuple

from .carrier import Carrier, CarrierSettings, round_trip_seconds
from .channels import MAX_LIVE
from .control import ControlMessage
from .loop import Loop, Timer
from .peer import Peer
from .sockets import Sockets

REPLAY_BYTES = 64 * 1024 * 1024
BACKLOG_BYTES = 512 * 1024
"""Unsent bytes at which local sources are paused: what waits here makes small messages late."""

MOST_ACCEPTED = MAX_LIVE // 2
"""The other end may still hold channels that are closed here, so it tolerates more."""

ACK_SECONDS = 0.05
"""How long an acknowledgement may wait for frames to ride with."""


class EndpointOwner(ABC):
    """What the program around an endpoint does about its events."""

    @abstractmethod
    def control(self, message: ControlMessage) -> None:
        """Act on a control message."""

    @abstractmethod
    def carrier_lost(self, reason: str) -> None:
        """Learn that the carrier broke; the session lives on."""

    @abstractmethod
    def session_lost(self, reason: str) -> None:
        """Learn that the session cannot go on; all channels are closed."""

    @abstractmethod
    def address_behind(self, listener: int) -> Tuple[str, int]:
        """Return where to dial for a connection accepted on ``listener``.

        Raises:
            LookupError: when there is no such listener.

        """


class Endpoint:
    """Dispatch frames, keep buffers bounded, flush after each round of events.

    Args:
        accepts: True on the agent, which accepts connections; False on the client, which dials.
        replay_bytes: bound of all frames kept for the other end.

    """

    def __init__(
        self,
        loop: Loop,
        owner: EndpointOwner,
        settings: CarrierSettings,
        accepts: bool,
        replay_bytes: int = REPLAY_BYTES,
    ) -> None:
        self._loop = loop
        self._owner = owner
        self._settings = settings
        self._ack_timer: Optional[Timer] = None
        self._past_bytes = [0, 0]  # of carriers before this one: read, written
        self.sockets = Sockets(loop, owner.address_behind, self._congested)
        self._peer = Peer(
            self.sockets, accepts, replay_bytes, owner.control, self._session_lost, self._pong
        )
        self.session = self._peer.session
        self.channels = self.sockets.channels = self._peer.channels
        self.carrier: Optional[Carrier] = None
        self.round_trip: Optional[float] = None
        loop.after_round = self.flush

    def attach(self, fd_in: int, fd_out: int, greeting: bytes, early: bytes) -> None:
        """Go on over a new carrier; ``session.resume`` was called for it just before.

        Args:
            greeting: bytes to write before the first frame.
            early: bytes that were read together with the other end's greeting.

        """
        self.detach()
        self.carrier = Carrier(
            self._loop,
            fd_in,
            fd_out,
            self.session,
            self._settings,
            self._peer.handle,
            self._carrier_lost,
            greeting,
        )
        self.carrier.take(early)

    def detach(self) -> None:
        """Close the carrier, if there is one; the session waits for the next."""
        if self.carrier is not None:
            self._past_bytes[0] += self.carrier.read_bytes
            self._past_bytes[1] += self.carrier.written_bytes
            self.carrier.close()
            self.carrier = None

    def accept(self, sock: socket.socket, listener: int, peer: str) -> None:
        """Open a channel for a connection that was just accepted; too many are hung up on."""
        if len(self.channels.live) >= MOST_ACCEPTED:
            sock.close()
            return
        self.sockets.add(self.channels.open(listener, peer), sock)

    def send_control(self, message: ControlMessage) -> None:
        """Send a control message.

        Raises:
            ControlTooLong: when it does not fit a frame.

        """
        self._peer.send_control(message)

    def flush(self) -> None:
        """Write what this round produced, see to acknowledgements, pause or resume sources."""
        if self.carrier is not None:
            self.carrier.flush()
        if self.carrier is not None and self.session.owes_ack and self._ack_timer is None:
            self._ack_timer = self._loop.call_later(ACK_SECONDS, self._acknowledge)
        if self._congested():
            self._loop.pause_sources()
        elif self._has_room():
            self._loop.resume_sources()

    def drain(self, seconds: float) -> None:
        """Handle events until all is handed to the carrier, it is lost, or time is up."""
        deadline = time.monotonic() + seconds
        while self.carrier is not None and not self.carrier.drained:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._loop.run_once(left)

    def close_channels(self) -> None:
        """Close every local connection."""
        self.channels.close_all()

    def stats(self) -> Dict[str, object]:
        """Return counters for people and tests: bytes, frames, channels, seconds."""
        carrier = self.carrier
        return {
            "channels": len(self.channels.live),
            "channels_opened": self.channels.opened,
            "carrier_read_bytes": self._past_bytes[0] + (carrier.read_bytes if carrier else 0),
            "carrier_written_bytes": self._past_bytes[1]
            + (carrier.written_bytes if carrier else 0),
            "frames_sent": self.session.sent,
            "frames_received": self.session.received,
            "frames_replayed": self.session.replayed_frames,
            "kept_bytes": self.session.kept_bytes,
            "undelivered_bytes": sum(c.pending_bytes for c in self.channels.live.values()),
            "round_trip_seconds": self.round_trip,
            "wakeups": self._loop.wakeups,
        }

    def _congested(self) -> bool:
        session = self.session
        return session.unsent_bytes >= BACKLOG_BYTES or session.full

    def _has_room(self) -> bool:
        session = self.session
        return (
            session.unsent_bytes < BACKLOG_BYTES // 2
            and session.kept_bytes < session.replay_limit // 4 * 3
        )

    def _pong(self, stamp: int) -> None:
        self.round_trip = round_trip_seconds(stamp)

    def _acknowledge(self) -> None:
        self._ack_timer = None
        if self.carrier is not None:
            self.carrier.acknowledge()

    def _carrier_lost(self, reason: str) -> None:
        self.detach()
        self._owner.carrier_lost(reason)

    def _session_lost(self, reason: str) -> None:
        self.detach()
        self.close_channels()
        self._owner.session_lost(reason)
