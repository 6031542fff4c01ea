"""The handshake: what both ends say on a new carrier before the first frame.

Each message is ``MAGIC``, a 32-bit length and a JSON object. The client speaks first (a hello);
the agent answers ``welcome``, or says why not. Shell start-up files may print before the agent's
first byte, so the client skips up to ``MAX_NOISE_BYTES`` while it looks for ``MAGIC``.
"""

import json
from typing import Any, Dict, Mapping, Optional, Tuple

from .frames import UINT32, ProtocolError

MAGIC = b"\x00TOWLINE\x00LINK\x00\r\n"
VERSIONS = (1, 1)
"""Oldest and newest protocol version that this end speaks."""

MAX_MESSAGE_BYTES = 4096
MAX_NOISE_BYTES = 64 * 1024

WELCOME = "welcome"
REFUSED = "refused"
OTHER_VERSION = "other version"
STATE_LOST = "state lost"

Message = Dict[str, Any]


def encode_message(message: Mapping[str, Any]) -> bytes:
    """Return a handshake message as bytes."""
    text = json.dumps(message, sort_keys=True).encode()
    return MAGIC + UINT32.pack(len(text)) + text


def common_version(ours: Tuple[int, int], theirs: Tuple[int, int]) -> Optional[int]:
    """Return the newest version that both ranges hold, or None."""
    version = min(ours[1], theirs[1])
    return version if version >= max(ours[0], theirs[0]) else None


def hello(session: str, secret: str, received: int) -> Message:
    """Return the client's first words: who it is and how many frames it has received."""
    return {
        "versions": list(VERSIONS),
        "session": session,
        "secret": secret,
        "received": received,
    }


def whole_number(message: Mapping[str, Any], key: str) -> int:
    """Return a field that must be an integer of at least 0.

    Raises:
        ProtocolError: when it is absent or something else.

    """
    value = message.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ProtocolError(f"handshake without a valid {key!r}")
    return value


def text_field(message: Mapping[str, Any], key: str) -> str:
    """Return a field that must be a string.

    Raises:
        ProtocolError: when it is absent or something else.

    """
    value = message.get(key)
    if not isinstance(value, str):
        raise ProtocolError(f"handshake without a valid {key!r}")
    return value


def version_range(message: Mapping[str, Any]) -> Tuple[int, int]:
    """Return the versions that the other end speaks.

    Raises:
        ProtocolError: when the field is not a pair of integers.

    """
    value = message.get("versions")
    if (
        not isinstance(value, list)
        or len(value) != 2
        or not all(isinstance(each, int) for each in value)
    ):
        raise ProtocolError("handshake without valid versions")
    return value[0], value[1]


class MessageReader:
    """Find one handshake message in a stream that may begin with noise.

    Args:
        noise_limit: bytes to skip at most before ``MAGIC``; 0 where nothing but the other end can
            write to the stream.

    """

    def __init__(self, noise_limit: int = 0) -> None:
        self._noise_limit = noise_limit
        self._buffer = b""
        self._found = False
        self.noise = b""

    def feed(self, data: bytes) -> Optional[Tuple[Message, bytes]]:
        """Take bytes; return (message, bytes that follow it) once it is complete.

        Raises:
            ProtocolError: when no message can follow any more.

        """
        self._buffer += data
        if not self._found and not self._find_magic():
            return None
        if len(self._buffer) < UINT32.size:
            return None
        length = UINT32.unpack_from(self._buffer)[0]
        if length > MAX_MESSAGE_BYTES:
            raise ProtocolError(f"handshake message of {length} bytes")
        end = UINT32.size + length
        if len(self._buffer) < end:
            return None
        try:
            message = json.loads(self._buffer[UINT32.size : end].decode())
        except (ValueError, RecursionError):
            raise ProtocolError("handshake message that is not JSON") from None
        if not isinstance(message, dict):
            raise ProtocolError("handshake message that is not an object")
        return message, self._buffer[end:]

    def _find_magic(self) -> bool:
        at = self._buffer.find(MAGIC)
        if at < 0:
            partial = _magic_begun(self._buffer)
            if len(self._buffer) - partial > self._noise_limit:
                raise ProtocolError("the other end does not speak the link's protocol")
            return False
        if at > self._noise_limit:
            raise ProtocolError("the other end does not speak the link's protocol")
        self.noise = self._buffer[:at]
        self._buffer = self._buffer[at + len(MAGIC) :]
        self._found = True
        return True


def _magic_begun(data: bytes) -> int:
    """Return how many bytes at the end of ``data`` are a beginning of ``MAGIC``."""
    for length in range(min(len(MAGIC) - 1, len(data)), 0, -1):
        if data.endswith(MAGIC[:length]):
            return length
    return 0
