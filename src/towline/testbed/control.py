"""The talk between a Testbed object and its supervisor: one JSON line each way on a socket.

Also how the supervisor's process is found: the kernel tells who listens on the socket, so there is
no file with a process number that could be stale.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from towline.errors import TestbedError

SOCKET_NAME = "control.sock"
Handler = Callable[[str, dict[str, Any]], Any]


@contextlib.contextmanager
def _short_path(folder: Path, name: str) -> Iterator[str]:
    # a socket's path may have at most 107 bytes
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def serve(folder: Path, handler: Handler) -> None:
    """Answer requests on a thread each, for ever; what the handler raises is the answer."""

    class _Conversation(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            try:
                request = json.loads(self.rfile.readline())
                answer = {"result": handler(request.pop("do"), request)}
            except Exception as error:
                answer = {"error": str(error), "type": type(error).__name__}
            with contextlib.suppress(OSError):  # the asker may be gone
                self.wfile.write(json.dumps(answer).encode() + b"\n")

    class _Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True
        request_queue_size = 64

    with _short_path(folder, SOCKET_NAME) as path:
        server = _Server(path, _Conversation)
        Path(path).chmod(0o600)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def _connect(folder: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short_path(folder, SOCKET_NAME) as path:
            connection.connect(path)
    except OSError:  # no folder, no socket, nobody listens
        connection.close()
        raise TestbedError(f"testbed in {folder}", "is not up", "towline testbed up") from None
    return connection


def ask(folder: Path, do: str, **request: Any) -> Any:
    """Send a request to the supervisor of the testbed in a folder and return its result.

    Raises:
        TestbedError: there is no supervisor, or it could not do it.

    """
    with _connect(folder) as connection:
        connection.sendall(json.dumps({"do": do, **request}).encode() + b"\n")
        with connection.makefile() as lines:
            line = lines.readline()
    if not line:
        raise TestbedError(f"testbed in {folder}", f"died during '{do}'", "towline testbed up")
    answer = json.loads(line)
    if "error" in answer:
        raise TestbedError(f"testbed: {do}", answer["error"] or answer["type"])
    return answer["result"]


def supervisor_pid(folder: Path) -> int:
    """Return the supervisor's process number.

    Raises:
        TestbedError: there is none.

    """
    with _connect(folder) as connection:
        size = struct.calcsize("3i")
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    pid: int = struct.unpack("3i", credentials)[0]
    return pid
