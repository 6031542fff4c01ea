"""Control messages: requests to the other end and their answers, as JSON in CONTROL frames.

They are numbered frames, so each arrives exactly once, after the data sent before it.
A request is ``{"id": n, "do": name, …}``; its answer ``{"re": n, "ok": true|false, …}``.
"""

import json
from typing import Any, Dict

from .frames import MAX_CONTROL_BYTES, Buffer, ProtocolError

LISTEN = "listen"
EXPIRY = "expiry"
GOODBYE = "goodbye"
ABANDON = "abandon"
STATS = "stats"

ControlMessage = Dict[str, Any]


class ControlTooLong(ValueError):
    """The message does not fit a frame; said before anything is sent."""


def encode_control(message: ControlMessage) -> bytes:
    """Return the payload of a CONTROL frame.

    Raises:
        ControlTooLong: when it would pass ``MAX_CONTROL_BYTES``.

    """
    payload = json.dumps(message).encode()
    if len(payload) > MAX_CONTROL_BYTES:
        raise ControlTooLong(
            f"{len(payload)} bytes; a control message may have {MAX_CONTROL_BYTES}"
        )
    return payload


def decode_control(payload: Buffer) -> ControlMessage:
    """Return the message in a CONTROL frame.

    Raises:
        ProtocolError: when it is not a JSON object.

    """
    try:
        message = json.loads(bytes(payload).decode())
    except (ValueError, RecursionError):
        raise ProtocolError("control message that is not JSON") from None
    if not isinstance(message, dict):
        raise ProtocolError("control message that is not an object")
    return message
