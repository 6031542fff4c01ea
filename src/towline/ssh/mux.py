"""Ask a running OpenSSH master over its control socket (PROTOCOL.mux, version 4).

Costs 0.1 ms where ``ssh -O check`` costs a process.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from enum import IntEnum
from pathlib import Path

_HELLO = 0x00000001
_VERSION = 4
_OK = 0x80000001
_ALIVE = 0x80000005


class _Request(IntEnum):
    ALIVE_CHECK = 0x10000004
    TERMINATE = 0x10000005
    STOP_LISTENING = 0x10000009


def master_pid(path: Path, timeout: float) -> int | None:
    """Return the process id of the master behind the socket, or None when there is none.

    Raises:
        TimeoutError: somebody holds the socket and does not answer: a frozen master.

    """
    kind, words = _ask(path, _Request.ALIVE_CHECK, timeout)
    return words[1] if kind == _ALIVE and len(words) > 1 else None


def stop_listening(path: Path, timeout: float) -> bool:
    """Retire the master: no new sessions; it ends after the last one. False: there was none."""
    return _ask(path, _Request.STOP_LISTENING, timeout)[0] == _OK


def terminate(path: Path, timeout: float) -> bool:
    """End the master and all its sessions now. False: there was none."""
    return _ask(path, _Request.TERMINATE, timeout)[0] == _OK


def _ask(path: Path, request: _Request, timeout: float) -> tuple[int, tuple[int, ...]]:
    """Send one request; return the answer's kind and 32-bit words; (0, ()): nobody is there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(timeout)
        try:
            _connect(channel, path, time.monotonic() + timeout)
            channel.sendall(_packet(_HELLO, _VERSION) + _packet(request, 0))
            while True:
                kind, words = _receive(channel)
                if kind != _HELLO:
                    return kind, words
        except TimeoutError:
            raise
        except (OSError, EOFError):
            return 0, ()


def _connect(channel: socket.socket, path: Path, deadline: float) -> None:
    """Connect; a queue that is full for the moment is waited for, as somebody is there."""
    while True:
        try:
            return channel.connect(os.fspath(path))
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise TimeoutError from None
            time.sleep(0.01)


def _packet(*words: int) -> bytes:
    return struct.pack(f">{len(words) + 1}I", 4 * len(words), *words)


def _receive(channel: socket.socket) -> tuple[int, tuple[int, ...]]:
    (length,) = struct.unpack(">I", _exactly(channel, 4))
    if not 4 <= length <= 1 << 16:
        raise EOFError
    body = _exactly(channel, length)
    words = struct.unpack_from(f">{length // 4}I", body)
    return words[0], words[1:]


def _exactly(channel: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = channel.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data
