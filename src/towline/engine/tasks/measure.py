"""Measure a function's calls. This file's text is sent to workers, which have no Towline.

So only Python 3.10, its standard library and Parsl may be used, imported inside. What `measured`
puts in front of a result is read by ``measured.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def measured(
    function: Callable[..., Any], shrink: Callable[[bytes], bytes | None] | None
) -> Callable[..., tuple[bytes, Any]]:
    """Return a function that gives what a call took together with its result.

    Result or exception is packed by Parsl first, unless it is of a simple type: what the workspace
    cannot unpack would end the thread there that unpacks answers, and hang every task.

    Args:
        function: to call.
        shrink: compresses what is packed, where that pays; None: nothing is compressed.

    """
    import os
    import platform
    import struct
    import sys
    import time
    from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

    from parsl.app.errors import RemoteExceptionWrapper
    from parsl.serialize import serialize

    where = [os.environ.get(f"PARSL_WORKER_{name}", "") for name in ("BLOCK_ID", "POOL_ID", "RANK")]
    identity = "\n".join([platform.node(), *where, str(os.getpid())]).encode()
    simple = {bool, bytes, float, int, str, type(None)}
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes

    def used() -> tuple[float, int]:
        """Return processor seconds and peak memory of this process and of those it has run."""
        own, run = getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)
        seconds = own.ru_utime + own.ru_stime + run.ru_utime + run.ru_stime
        return seconds, max(own.ru_maxrss, run.ru_maxrss) * unit

    def call(*args: Any, **kwargs: Any) -> tuple[bytes, Any]:
        start, begun, (cpu, peak) = time.time(), time.perf_counter(), used()
        try:
            value = function(*args, **kwargs)
        except Exception as error:
            value = RemoteExceptionWrapper(type(error), error, error.__traceback__)
        seconds = time.perf_counter() - begun
        cpu_now, peak_now = used()
        failed = isinstance(value, RemoteExceptionWrapper)  # Parsl's apps return their exceptions
        packed = int(type(value) not in simple)
        if shrink and type(value) in (bytes, str) and len(value) > 200_000:
            packed = 1
        if packed:
            value = serialize(value)
            smaller = shrink(value) if shrink else None
            if smaller:
                packed, value = 2, smaller
        facts = (failed, packed, start, seconds, cpu_now - cpu, peak_now, peak_now > peak)
        return struct.pack("<?BdddQ?", *facts) + identity, value

    return call
