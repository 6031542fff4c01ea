"""Bytes through the link, in messages of 1 MB, against ``ssh cat`` over the same connection.

Both go from this machine to the controller of the testbed's `onprem` and back, in turns, so that a
machine whose speed drifts does so for both.

    python bench/link_throughput.py [--megabytes N] [--rounds N]
"""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from common import clusters, ratio, spread

from towline.clusters import ClusterStore
from towline.link import Link
from towline.ssh import Connection, quote

MESSAGE = bytes(1_000_000)
READ_BYTES = 1 << 18

MANAGER = """
import socket, sys
port, direction, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
here = socket.create_connection(("127.0.0.1", port))
if direction == "down":
    here.recv(1)
    message = bytes(1_000_000)
    for _ in range(count):
        here.sendall(message)
else:
    room, left = bytearray(1 << 18), count * 1_000_000
    while left:
        left -= here.recv_into(room)
    here.sendall(b"d")
here.recv(1)
"""


@contextmanager
def manager(
    connection: Connection, server: socket.socket, port: int, direction: str, count: int
) -> Iterator[socket.socket]:
    """Run a worker manager's stand-in on the controller; give the interchange's side of it."""
    command = f"exec python3 -c {quote(MANAGER)} {port} {direction} {count}"
    process = subprocess.Popen(
        connection.argv(command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    with server.accept()[0] as accepted:
        yield accepted
    process.wait(60)


def read_bytes(fd: int, count: int) -> None:
    """Read and drop so many bytes."""
    room = memoryview(bytearray(READ_BYTES))
    while count > 0:
        got = os.readv(fd, [room])
        assert got, "the stream ended early"
        count -= got


def ssh_down(connection: Connection, count: int) -> float:
    """Return MB/s of ``ssh controller cat`` towards this machine."""
    command = f"head -c {count * len(MESSAGE)} /dev/zero | cat"
    process = subprocess.Popen(
        connection.argv(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0
    )
    assert process.stdout
    assert os.read(process.stdout.fileno(), 1)
    began = time.perf_counter()
    read_bytes(process.stdout.fileno(), count * len(MESSAGE) - 1)
    seconds = time.perf_counter() - began
    process.wait(60)
    return count * len(MESSAGE) / seconds / 1e6


def ssh_up(connection: Connection, count: int) -> float:
    """Return MB/s of ``ssh controller 'cat >/dev/null'`` from this machine."""
    command = "echo ready; cat >/dev/null; echo done"
    process = subprocess.Popen(
        connection.argv(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    began = time.perf_counter()
    for _ in range(count):
        process.stdin.write(MESSAGE)
    process.stdin.close()
    assert process.stdout.readline() == b"done\n"
    seconds = time.perf_counter() - began
    process.wait(60)
    return count * len(MESSAGE) / seconds / 1e6


def link_down(connection: Connection, server: socket.socket, port: int, count: int) -> float:
    """Return MB/s through the link towards this machine."""
    with manager(connection, server, port, "down", count) as accepted:
        began = time.perf_counter()
        accepted.sendall(b"g")
        read_bytes(accepted.fileno(), count * len(MESSAGE))
        return count * len(MESSAGE) / (time.perf_counter() - began) / 1e6


def link_up(connection: Connection, server: socket.socket, port: int, count: int) -> float:
    """Return MB/s through the link from this machine."""
    with manager(connection, server, port, "up", count) as accepted:
        began = time.perf_counter()
        for _ in range(count):
            accepted.sendall(MESSAGE)
        assert accepted.recv(1) == b"d"
        return count * len(MESSAGE) / (time.perf_counter() - began) / 1e6


def main() -> None:
    """Measure in turns, print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=300, help="for each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with clusters(), socket.create_server(("127.0.0.1", 0)) as server:
        connection = Connection(ClusterStore().load("onprem").destination())
        link = Link(connection, f"bench-{secrets.token_hex(4)}")
        link.start()
        port = link.listen("bench", server.getsockname()[1], "127.0.0.1")
        count = asked.megabytes
        rivals: dict[str, Callable[[], float]] = {
            "ssh cat, to the workspace": lambda: ssh_down(connection, count),
            "link, to the workspace": lambda: link_down(connection, server, port, count),
            "ssh cat, to the cluster": lambda: ssh_up(connection, count),
            "link, to the cluster": lambda: link_up(connection, server, port, count),
        }
        rates: dict[str, list[float]] = {name: [] for name in rivals}
        for _ in range(asked.rounds):
            for name, measure in rivals.items():
                rates[name].append(measure())
        for name, values in rates.items():
            print(f"{name}: {spread(values)} MB/s")
        for way in ("to the workspace", "to the cluster"):
            ratio(
                f"link / ssh cat, {way}", rates[f"link, {way}"], rates[f"ssh cat, {way}"], ">= 0.7"
            )
        link.close()


if __name__ == "__main__":
    main()
