"""Give ssh a connection to a controller: the testbed's ``ProxyCommand`` (with ``ProxyUseFdpass``).

Runs as ``python -I -S connect.py FOLDER DOOR HOST PORT`` and imports next to nothing, so that it
costs about 10 ms: it connects to the relay's socket, hears whether the far end answered, hands the
connected socket to ssh over standard output and leaves.
"""

from __future__ import annotations

import _socket
import os
import sys


def main(folder: str, door: str, host: str, port: str) -> int:
    """Return 0 when ssh got its connection, else 255 with ssh's own words on standard error."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        os.chdir(folder)  # a socket's path may have at most 107 bytes
        connection.connect(door)
        reason = _read_line(connection)
    except OSError as error:
        reason = error.strerror or "connection failed"
    if reason:
        sys.stderr.write(f"ssh: connect to host {host} port {port}: {reason}\n")
        return 255
    rights = connection.fileno().to_bytes(4, sys.byteorder)
    to_ssh = _socket.socket(fileno=1)
    to_ssh.sendmsg([b"\0"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
    return 0


def _read_line(connection: _socket.socket) -> str:
    line = b""
    while not line.endswith(b"\n"):
        byte = connection.recv(1)  # one at a time: what follows the line belongs to ssh
        if not byte:
            return "Connection reset by peer"
        line += byte
    return line.decode().strip()


if __name__ == "__main__":
    os._exit(main(*sys.argv[1:5]))
