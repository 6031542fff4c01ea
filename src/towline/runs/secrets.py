"""Secrets on their way to a script: in memory, by an inherited descriptor, and nowhere else."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

VARIABLE = "TOWLINE_SECRETS_FD"
"""The number of the descriptor and the inode behind it; what it holds is in no environment.

A process that the script starts has the variable, too, but mostly not the descriptor: by its
number it may have a file or a socket of its own.
"""

WRITTEN = "TOWLINE_SECRET_"
"""Begins the variables that the command line reads secrets from. No run of a workflow gets them:
the script and all that it starts would have them, and whoever prints an environment shows it."""

_SEALS = ("F_SEAL_SHRINK", "F_SEAL_GROW", "F_SEAL_WRITE", "F_SEAL_SEAL")


@contextlib.contextmanager
def descriptor_of(secrets: Mapping[str, Any]) -> Iterator[int | None]:
    """Yield a descriptor from which a child can read secrets; None when there are none.

    On Linux it is a file in memory without a name, sealed; elsewhere a pipe, which can be read
    once and holds 16 KiB everywhere.
    """
    if not secrets:
        yield None
        return
    data = json.dumps(secrets).encode()
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("towline-secrets", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.write(descriptor, data)
        seals = 0
        for name in _SEALS:
            seals |= getattr(fcntl, name)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    else:
        descriptor, end = os.pipe()
        os.write(end, data)
        os.close(end)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def named(descriptor: int) -> str:
    """Return what the variable says of a descriptor."""
    return f"{descriptor}:{os.fstat(descriptor).st_ino}"


def inherited() -> int | None:
    """Return the descriptor that this process was given; None when it was given none."""
    text = os.environ.get(VARIABLE, "")
    number = text.partition(":")[0]
    if not number.isdecimal():
        return None
    try:
        return int(number) if named(int(number)) == text else None
    except (OSError, OverflowError):
        return None


def forget() -> None:
    """Close the descriptor that this process was given: its child has it now."""
    if (descriptor := inherited()) is not None:
        os.close(descriptor)
    os.environ.pop(VARIABLE, None)


_read: dict[int, dict[str, Any]] = {}  # a pipe gives its bytes once


def read_secrets() -> dict[str, Any]:
    """Return the secrets that this process was given; none when it was given none."""
    descriptor = inherited()
    if descriptor is None:
        return {}
    if descriptor not in _read:
        try:
            data = os.pread(descriptor, 1 << 20, 0)
        except OSError:  # a pipe
            data = b""
            while block := os.read(descriptor, 1 << 16):
                data += block
        with contextlib.suppress(ValueError):
            found = json.loads(data)
            _read[descriptor] = found if isinstance(found, dict) else {}
    return _read.get(descriptor, {})
