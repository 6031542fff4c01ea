"""The session: what outlives a carrier.

Each end numbers the frames that it sends from 1 on, keeps each until the other end has
acknowledged it, and after a lost carrier sends again all that the other end did not receive.
Nothing here does I/O: ``pull`` gives what to write to the carrier of the moment.
"""

from collections import deque
from typing import Deque, List, Tuple

from .frames import ACK, UINT64, Buffer, ProtocolError, encode, header

ACK_BYTES = 256 * 1024
"""Acknowledge at once when this much has arrived unacknowledged; else with the next frames."""

JOIN_BYTES = 4096
"""Payloads up to this size are joined with their header: one small copy is cheaper than two
buffers in a vectored write."""

Entry = Tuple[int, Tuple[Buffer, ...]]


class StateLost(Exception):
    """The other end asks for frames that this end does not have: replay is impossible."""


class Session:
    """Number, keep, acknowledge and replay frames.

    Args:
        replay_limit: bytes that may be kept (sent or not) before ``full`` says to stop reading
            local sources. Frames that end things (EOF, CONTROL…) are taken all the same: they are
            few, each bounded by what is open.

    """

    def __init__(self, replay_limit: int) -> None:
        self.replay_limit = replay_limit
        self.received = 0
        self.kept_bytes = 0
        self.unsent_bytes = 0
        self.replayed_frames = 0
        self._unsent: Deque[Entry] = deque()
        self._unacknowledged: Deque[Entry] = deque()
        self._acknowledged = 0
        self._told = 0
        self._bytes_since_told = 0
        self._unnumbered: List[bytes] = []

    @property
    def sent(self) -> int:
        """How many numbered frames were handed to a carrier so far."""
        return self._acknowledged + len(self._unacknowledged)

    @property
    def acknowledged(self) -> int:
        """How many of them the other end is known to have."""
        return self._acknowledged

    @property
    def full(self) -> bool:
        """True while the kept frames reach the replay limit."""
        return self.kept_bytes >= self.replay_limit

    @property
    def idle(self) -> bool:
        """True when all that was sent is acknowledged."""
        return not self._unsent and not self._unacknowledged

    @property
    def owes_ack(self) -> bool:
        """True when frames arrived that the other end has not been told about."""
        return self.received != self._told

    @property
    def has_output(self) -> bool:
        """True when ``pull`` should be called without waiting for more frames."""
        return bool(self._unsent or self._unnumbered or self._bytes_since_told >= ACK_BYTES)

    def send(self, frame_type: int, channel: int, payload: bytes = b"") -> None:
        """Take a numbered frame: it arrives once and in order, or the session is lost."""
        length = len(payload)
        if length <= JOIN_BYTES:
            buffers: Tuple[Buffer, ...] = (encode(frame_type, channel, payload),)
        else:
            buffers = (header(frame_type, channel, length), payload)
        size = length + 8
        self._unsent.append((size, buffers))
        self.kept_bytes += size
        self.unsent_bytes += size

    def send_unnumbered(self, frame_type: int, value: int) -> None:
        """Take a frame for the carrier of the moment; it is forgotten when that carrier is lost."""
        self._unnumbered.append(encode(frame_type, 0, UINT64.pack(value)))

    def pull(self, limit: int) -> List[Buffer]:
        """Return about ``limit`` bytes to write next, as buffers for one vectored write.

        An acknowledgement that is owed rides along in front.
        """
        buffers: List[Buffer] = []
        if self.received != self._told:
            buffers.append(encode(ACK, 0, UINT64.pack(self.received)))
            self._told = self.received
            self._bytes_since_told = 0
        if self._unnumbered:
            buffers.extend(self._unnumbered)
            self._unnumbered = []
        while self._unsent and limit > 0:
            entry = self._unsent.popleft()
            self._unacknowledged.append(entry)
            buffers.extend(entry[1])
            limit -= entry[0]
            self.unsent_bytes -= entry[0]
        return buffers

    def count_received(self, payload_bytes: int) -> None:
        """Note the arrival of one numbered frame."""
        self.received += 1
        self._bytes_since_told += payload_bytes + 8

    def acknowledge(self, received: int) -> None:
        """Forget the frames up to number ``received``: the other end has them.

        Raises:
            ProtocolError: when the number was never sent, or is lower than one heard before.

        """
        if not self._acknowledged <= received <= self.sent:
            raise ProtocolError(
                f"acknowledges frame {received}; {self.sent} were sent, "
                f"{self._acknowledged} acknowledged before"
            )
        while self._acknowledged < received:
            self.kept_bytes -= self._unacknowledged.popleft()[0]
            self._acknowledged += 1

    def resume(self, received: int) -> int:
        """Prepare a new carrier, whose other end has received frames up to ``received``.

        Returns:
            How many frames will be sent again.

        Raises:
            StateLost: when that number does not fit what this end remembers.

        """
        if not self._acknowledged <= received <= self.sent:
            raise StateLost(
                f"the other end has {received} frames; {self.sent} were sent, "
                f"{self._acknowledged} acknowledged"
            )
        self.acknowledge(received)
        again = len(self._unacknowledged)
        self._unsent.extendleft(reversed(self._unacknowledged))
        self.unsent_bytes += sum(entry[0] for entry in self._unacknowledged)
        self._unacknowledged.clear()
        self.replayed_frames += again
        self._unnumbered = []
        self._told = self.received
        self._bytes_since_told = 0
        return again
