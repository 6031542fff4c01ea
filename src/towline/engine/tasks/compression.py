"""Compress what is sent with a task, once Parsl has serialised it and before it is encrypted."""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Callable
from typing import Any

from parsl.serialize import deserialize
from parsl.serialize.facade import pack_buffers, unpack_buffers

from towline.engine.interchange.placement import FAR_SECONDS
from towline.engine.tasks.shrink import pays, shrink

PICKLED = b"02\n"
"""What Parsl writes before pickled data; workers of every Parsl that has one know it."""


def compression_pays(wanted: str, round_trip: float | None) -> bool:
    """Return whether an executor's large payloads are compressed, should they shrink.

    Args:
        wanted: ``auto``, ``always`` or ``never``.
        round_trip: of the link, seconds; None when it is not known, or there is no link.

    """
    if wanted == "auto":
        return round_trip is not None and round_trip >= FAR_SECONDS
    return wanted == "always"


class _Made:
    """Unpickles as what a function of the standard library, or of Parsl, makes of a value."""

    def __init__(self, function: Callable[..., Any], value: Any) -> None:
        self.function = function
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, (self.value,)


def compressed_task(message: bytes) -> bytes:
    """Return a task as Parsl sends it, with its large parts compressed where that pays.

    A worker that has Parsl understands it: each part unpickles as what it was.

    Args:
        message: function, arguments and keyword arguments, packed by Parsl. A small one costs
            nothing, one that does not shrink about 1 ms.

    """
    if not pays(message):
        return message
    return bytes(pack_buffers([_compressed(part) for part in unpack_buffers(message)]))


def _compressed(part: bytes) -> bytes:
    smaller = shrink(part)
    if smaller is None:
        return part
    return PICKLED + pickle.dumps(_Made(deserialize, _Made(zlib.decompress, smaller)))
