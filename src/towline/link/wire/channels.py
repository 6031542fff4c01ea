"""Channels: many byte streams over one session, each with its own flow control.

A channel is one TCP connection of a worker manager. The receiving end grants credit for what it
can hold; a channel out of credit stops only itself. Windows start small and grow only for channels
that were starved while their receiver kept up, out of one pool: memory stays bounded whatever the
number of channels.
"""

from abc import ABC, abstractmethod
from collections import deque
from enum import Enum
from typing import Callable, Deque, Dict, Tuple

from .frames import BLOCKED, DATA, EOF, OPEN, RESET, UINT32, WINDOW, ProtocolError

INITIAL_WINDOW = 256 * 1024
MAX_WINDOW = 4 * 1024 * 1024
GROWTH_POOL = 64 * 1024 * 1024
"""Bytes that all windows together may grow beyond their initial size."""

MAX_LIVE = 8192
"""Most channels at a time: a broken or hostile end cannot use up the other's file descriptors."""


class ChannelState(Enum):
    """Which directions of a channel still carry bytes."""

    OPEN = "open"
    EOF_SENT = "eof sent"
    EOF_RECEIVED = "eof received"
    CLOSED = "closed"


class ChannelEvent(Enum):
    """What moves a channel from one state to the next."""

    SEND_EOF = "send eof"
    RECEIVE_EOF = "receive eof"
    RESET = "reset"


TRANSITIONS: Dict[Tuple[ChannelState, ChannelEvent], ChannelState] = {
    (ChannelState.OPEN, ChannelEvent.SEND_EOF): ChannelState.EOF_SENT,
    (ChannelState.OPEN, ChannelEvent.RECEIVE_EOF): ChannelState.EOF_RECEIVED,
    (ChannelState.OPEN, ChannelEvent.RESET): ChannelState.CLOSED,
    (ChannelState.EOF_SENT, ChannelEvent.RECEIVE_EOF): ChannelState.CLOSED,
    (ChannelState.EOF_SENT, ChannelEvent.RESET): ChannelState.CLOSED,
    (ChannelState.EOF_RECEIVED, ChannelEvent.SEND_EOF): ChannelState.CLOSED,
    (ChannelState.EOF_RECEIVED, ChannelEvent.RESET): ChannelState.CLOSED,
}


class Channel:
    """One byte stream in each direction; made and kept by ``Channels``."""

    __slots__ = (
        "aborted",
        "allowance",
        "blocked",
        "credit",
        "number",
        "pending",
        "pending_bytes",
        "received_bytes",
        "sent_bytes",
        "state",
        "unreturned",
        "window",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.state = ChannelState.OPEN
        self.credit = INITIAL_WINDOW  # bytes that we may send
        self.blocked = False  # we said that we have more than credit
        self.window = INITIAL_WINDOW  # bytes that we let the other end have on the way
        self.allowance = INITIAL_WINDOW  # what is left of that
        self.unreturned = 0  # delivered, not yet granted again
        self.pending: Deque[memoryview] = deque()
        self.pending_bytes = 0
        self.aborted = False  # the other end reset it; close once pending is delivered
        self.sent_bytes = 0
        self.received_bytes = 0

    def move(self, event: ChannelEvent) -> None:
        """Follow the transition table.

        Raises:
            ProtocolError: when the table has no such transition, such as a second EOF.

        """
        following = TRANSITIONS.get((self.state, event))
        if following is None:
            raise ProtocolError(
                f"{event.value} on channel {self.number}, which is {self.state.value}"
            )
        self.state = following

    @property
    def may_send(self) -> bool:
        """True while this end has not ended its direction."""
        return self.state in (ChannelState.OPEN, ChannelState.EOF_RECEIVED)

    @property
    def ended(self) -> bool:
        """True when the other end sends no more."""
        return self.state in (ChannelState.EOF_RECEIVED, ChannelState.CLOSED)


class Sink(ABC):
    """Where a ``Channels`` delivers; overridden by what owns the sockets."""

    @abstractmethod
    def opened(self, channel: Channel, listener: int, peer: str) -> None:
        """Make a socket for a connection that ``listener`` accepted from address ``peer``."""

    @abstractmethod
    def deliver(self, channel: Channel, data: memoryview) -> int:
        """Take bytes in order; return how many were taken. The rest is kept as pending."""

    @abstractmethod
    def ended(self, channel: Channel) -> None:
        """All bytes were delivered and the other end sends no more."""

    @abstractmethod
    def credited(self, channel: Channel) -> None:
        """Read the socket again: the channel was out of credit and has some now."""

    @abstractmethod
    def closed(self, channel: Channel) -> None:
        """Both directions are over, or it was reset: close the socket."""


class Channels:
    """The multiplexer of one end.

    Args:
        send: takes (frame type, channel number, payload): ``Session.send``.
        sink: told of what arrives.
        opens: True on the end that accepts connections and so opens channels (the agent).

    """

    def __init__(self, send: Callable[[int, int, bytes], None], sink: Sink, opens: bool) -> None:
        self._send = send
        self._sink = sink
        self._opens = opens
        self._latest = 0
        self._pool = GROWTH_POOL
        self.live: Dict[int, Channel] = {}

    @property
    def opened(self) -> int:
        """How many channels were opened since the session began."""
        return self._latest

    # What this end does -------------------------------------------------------------------------

    def open(self, listener: int, peer: str) -> Channel:
        """Open a channel for a connection that ``listener`` accepted from ``peer``."""
        self._latest += 1
        channel = self.live[self._latest] = Channel(self._latest)
        self._send(OPEN, channel.number, UINT32.pack(listener) + peer.encode()[:200])
        return channel

    def data(self, channel: Channel, data: bytes) -> None:
        """Send bytes; their number is at most ``channel.credit``."""
        channel.credit -= len(data)
        channel.sent_bytes += len(data)
        self._send(DATA, channel.number, data)

    def starve(self, channel: Channel) -> None:
        """Say, once per grant, that there is more to send than credit."""
        if not channel.blocked:
            channel.blocked = True
            self._send(BLOCKED, channel.number, b"")

    def end(self, channel: Channel) -> None:
        """Send no more bytes; the other direction goes on."""
        channel.move(ChannelEvent.SEND_EOF)
        self._send(EOF, channel.number, b"")
        self._settle(channel)

    def reset(self, channel: Channel) -> None:
        """Give the channel up in both directions; bytes not yet delivered here are dropped."""
        if channel.state is not ChannelState.CLOSED:
            channel.move(ChannelEvent.RESET)
            self._send(RESET, channel.number, b"")
        self._forget(channel)

    def delivered(self, channel: Channel, count: int) -> None:
        """Note that ``count`` bytes of ``channel.pending`` were taken, from its front."""
        channel.pending_bytes -= count
        while count:
            first = channel.pending[0]
            if count < len(first):
                channel.pending[0] = first[count:]
                break
            count -= len(first)
            channel.pending.popleft()
        self._grant(channel, 0)
        self._settle(channel)

    def close_all(self) -> None:
        """Close every channel here without telling the other end."""
        for channel in list(self.live.values()):
            channel.state = ChannelState.CLOSED
            self._forget(channel)

    # What arrives -------------------------------------------------------------------------------

    def receive(self, frame_type: int, number: int, payload: memoryview) -> None:
        """Handle a frame of one channel.

        Raises:
            ProtocolError: for a channel that was never opened, bytes beyond the window, or a
                transition that the table does not have.

        """
        if frame_type == OPEN:
            self._receive_open(number, payload)
            return
        channel = self.live.get(number)
        if channel is None or channel.aborted:
            if number == 0 or number > self._latest:
                raise ProtocolError(f"frame for channel {number}, which was never opened")
            return  # it was on the way while this end closed the channel
        if frame_type == DATA:
            self._receive_data(channel, payload)
        elif frame_type == WINDOW:
            self._receive_window(channel, UINT32.unpack(payload)[0])
        elif frame_type == EOF:
            channel.move(ChannelEvent.RECEIVE_EOF)
            self._settle(channel)
        elif frame_type == BLOCKED:
            self._grant(channel, self._growth(channel))
        elif frame_type == RESET:
            if channel.state is not ChannelState.CLOSED:  # else it only waits for pending bytes
                channel.move(ChannelEvent.RESET)
            channel.aborted = True
            self._settle(channel)

    def _receive_open(self, number: int, payload: memoryview) -> None:
        if self._opens or number != self._latest + 1:
            raise ProtocolError(f"channel {number} opened out of turn")
        if len(self.live) >= MAX_LIVE:
            raise ProtocolError(f"more than {MAX_LIVE} channels")
        self._latest = number
        channel = self.live[number] = Channel(number)
        peer = bytes(payload[4:]).decode("utf-8", "replace")
        self._sink.opened(channel, UINT32.unpack(payload[:4])[0], peer)

    def _receive_data(self, channel: Channel, payload: memoryview) -> None:
        size = len(payload)
        if size > channel.allowance:
            raise ProtocolError(f"channel {channel.number} sends beyond its window")
        if channel.state not in (ChannelState.OPEN, ChannelState.EOF_SENT):
            raise ProtocolError(f"data after EOF on channel {channel.number}")
        channel.allowance -= size
        channel.received_bytes += size
        taken = 0 if channel.pending else self._sink.deliver(channel, payload)
        if channel.number not in self.live:
            return  # delivering it showed that the connection is gone
        channel.unreturned += size
        if taken < size:
            channel.pending.append(memoryview(bytes(payload[taken:])))
            channel.pending_bytes += size - taken
        self._grant(channel, 0)

    def _receive_window(self, channel: Channel, grant: int) -> None:
        starved = channel.credit == 0 or channel.blocked
        channel.credit += grant
        channel.blocked = False
        if starved and channel.may_send:
            self._sink.credited(channel)

    # Windows and ends ---------------------------------------------------------------------------

    def _growth(self, channel: Channel) -> int:
        growth = min(channel.window, MAX_WINDOW - channel.window, self._pool)
        if channel.pending_bytes or growth <= 0:
            return 0
        channel.window += growth
        self._pool -= growth
        return growth

    def _grant(self, channel: Channel, growth: int) -> None:
        returnable = channel.unreturned - channel.pending_bytes
        if not growth and returnable < channel.window // 2:
            return
        if channel.state in (ChannelState.EOF_RECEIVED, ChannelState.CLOSED):
            return
        channel.unreturned -= returnable
        channel.allowance += returnable + growth
        self._send(WINDOW, channel.number, UINT32.pack(returnable + growth))

    def _settle(self, channel: Channel) -> None:
        """Act on an end that was waiting for the last pending bytes."""
        if channel.pending:
            return
        if channel.state is ChannelState.CLOSED:
            self._forget(channel)
        elif channel.state is ChannelState.EOF_RECEIVED:
            self._sink.ended(channel)

    def _forget(self, channel: Channel) -> None:
        if self.live.pop(channel.number, None) is None:
            return
        channel.pending.clear()
        channel.pending_bytes = 0
        self._pool += channel.window - INITIAL_WINDOW
        self._sink.closed(channel)
