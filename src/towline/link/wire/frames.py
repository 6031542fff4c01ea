"""Frames: what travels over a carrier once both ends have shaken hands.

::

    0        8                32               64
    +--------+----------------+----------------+- - - - - - -
    | type   | payload length | channel        | payload
    +--------+----------------+----------------+- - - - - - -

All integers are big-endian. Types below 64 are numbered: each end counts them, acknowledges them
and replays them after a lost carrier. The others belong to one carrier and die with it.
"""

import struct
from enum import IntEnum
from typing import Dict, Iterator, Tuple, Union

Buffer = Union[bytes, memoryview]
Frame = Tuple[int, int, memoryview]

MAX_DATA_BYTES = 128 * 1024
"""Largest payload of a DATA frame: big enough to be cheap, small enough to take turns."""

MAX_CONTROL_BYTES = 256 * 1024
"""Largest payload of a CONTROL frame; the expiry script is the only long one."""

BUFFER_BYTES = 1024 * 1024
HEADER = struct.Struct(">II")
UINT32 = struct.Struct(">I")
UINT64 = struct.Struct(">Q")


class ProtocolError(Exception):
    """The other end sent what the protocol forbids; the carrier cannot be used any more."""


class FrameType(IntEnum):
    """The first byte of a frame."""

    OPEN = 1
    DATA = 2
    EOF = 3
    RESET = 4
    WINDOW = 5
    BLOCKED = 6
    CONTROL = 7
    ACK = 64
    PING = 65
    PONG = 66


OPEN = FrameType.OPEN
DATA = FrameType.DATA
EOF = FrameType.EOF
RESET = FrameType.RESET
WINDOW = FrameType.WINDOW
BLOCKED = FrameType.BLOCKED
CONTROL = FrameType.CONTROL
ACK = FrameType.ACK
PING = FrameType.PING
PONG = FrameType.PONG

FIRST_UNNUMBERED = 64

PAYLOAD_BYTES: Dict[int, Tuple[int, int]] = {
    OPEN: (4, 256),
    DATA: (1, MAX_DATA_BYTES),
    EOF: (0, 0),
    RESET: (0, 0),
    WINDOW: (4, 4),
    BLOCKED: (0, 0),
    CONTROL: (2, MAX_CONTROL_BYTES),
    ACK: (8, 8),
    PING: (8, 8),
    PONG: (8, 8),
}
"""Fewest and most payload bytes of each type; anything else is a ProtocolError."""


def header(frame_type: int, channel: int, length: int) -> bytes:
    """Return the 8 bytes that precede a payload of ``length`` bytes."""
    return HEADER.pack(frame_type << 24 | length, channel)


def encode(frame_type: int, channel: int, payload: bytes = b"") -> bytes:
    """Return a whole frame as one bytes object."""
    return HEADER.pack(frame_type << 24 | len(payload), channel) + payload


class Decoder:
    """Cut a stream of bytes into frames, without copying payloads and in bounded memory.

    Read into ``room()``, then tell ``frames()`` how many bytes arrived. The views that it yields
    point into the decoder's only buffer: they are valid until the next call of ``room()``.
    """

    def __init__(self) -> None:
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0

    def room(self) -> memoryview:
        """Return the free part of the buffer, never empty, to read the next bytes into."""
        if self._start == self._end:
            self._start = self._end = 0
        elif self._start and BUFFER_BYTES - self._end < MAX_CONTROL_BYTES:
            unread = bytes(self._view[self._start : self._end])
            self._view[: len(unread)] = unread
            self._start, self._end = 0, len(unread)
        return self._view[self._end :]

    def frames(self, count: int) -> Iterator[Frame]:
        """Yield (type, channel, payload) of each frame that ``count`` more bytes complete.

        Raises:
            ProtocolError: on an unknown type or a length that its type forbids, as soon as the
                8 bytes of the header are there: no garbage makes the decoder wait for a payload.

        """
        self._end += count
        view = self._view
        while self._end - self._start >= 8:
            word, channel = HEADER.unpack_from(self._buffer, self._start)
            frame_type, length = word >> 24, word & 0xFFFFFF
            limits = PAYLOAD_BYTES.get(frame_type)
            if limits is None:
                raise ProtocolError(f"unknown frame type {frame_type}")
            if not limits[0] <= length <= limits[1]:
                name = FrameType(frame_type).name
                raise ProtocolError(f"{name} frame with a payload of {length} bytes")
            begin = self._start + 8
            if self._end - begin < length:
                return
            self._start = begin + length
            yield frame_type, channel, view[begin : begin + length]
