"""Relay between Unix sockets on this machine and port 22 of the testbed's doors.

Runs as ``python -I -S relay.py FOLDER`` inside the workspace's network namespace, so that its
connections meet the real routes and the real firewall. Standard library only. Reads one JSON
request a line on standard input, answers each with one JSON line, ends with its input.

Requests: ``{"do": "open", "door", "address"}``, ``{"do": "reset", "door"}``,
``{"do": "delay", "door", "seconds"}`` (each way), ``{"do": "count", "door"}``.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import socket
import struct
import sys
from collections import deque
from pathlib import Path
from typing import Any, cast

SSH_PORT = 22
FLIGHT_LIMIT = 8 * 1024 * 1024  # bytes under way in one direction before the sender must wait
PATIENCE = 0.3  # seconds to hear "refused" or "no route"; after that ssh itself waits
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Door:
    """The way to one host's port 22.

    Args:
        address: the host's address on its outside network.

    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.delay = 0.0  # seconds, each way
        self.accepted = 0
        self.open: set[End] = set()

    def reset(self) -> int:
        """Break off all connections at once; return how many there were."""
        ends = list(self.open)
        for end in ends:
            end.abort()
        return len(ends)

    async def admit(self, visitor: socket.socket) -> None:
        """Connect a visitor to the host, telling him on the first line when that fails."""
        self.accepted += 1
        loop = asyncio.get_running_loop()
        upstream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        upstream.setblocking(False)
        upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connecting = asyncio.ensure_future(
            loop.sock_connect(upstream, (self.address, SSH_PORT)),
        )
        try:
            await asyncio.sleep(2 * self.delay)
            await asyncio.wait({connecting}, timeout=PATIENCE)
            if connecting.done():
                connecting.result()
            visitor.send(b"\n")
            await connecting
        except OSError as error:
            with contextlib.suppress(OSError):
                visitor.send(f"{os.strerror(error.errno or errno.ETIMEDOUT)}\n".encode())
            visitor.close()
            upstream.close()
            return
        near, far = End(self), End(self)
        near.other, far.other = far, near
        self.open.add(near)  # before the first byte passes, so that nobody finds it uncounted
        await loop.connect_accepted_socket(lambda: near, visitor)
        await loop.connect_accepted_socket(lambda: far, upstream)
        near.both_connected()
        far.both_connected()


class End(asyncio.Protocol):
    """One end of a relayed connection: what it receives, the other end sends, when it is due."""

    other: End
    transport: asyncio.Transport | None = None

    def __init__(self, door: Door) -> None:
        self._door = door
        self._under_way: deque[tuple[float, bytes]] = deque()  # empty bytes: the end of the stream
        self._bytes_under_way = 0
        self._timer: asyncio.TimerHandle | None = None
        self._other_is_full = False
        self._heard_all = False
        self._delivered_all = False
        self._aborted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what this end is read and written by."""
        self.transport = cast(asyncio.Transport, transport)
        if self._aborted:
            self.abort()

    def data_received(self, data: bytes) -> None:
        """Pass data on, now or when they are due."""
        if self._door.delay or self._under_way or self.other.transport is None:
            self._deliver_later(data)
        else:
            self._deliver(data)

    def eof_received(self) -> bool:
        """Pass the end of the stream on, after all data."""
        self._heard_all = True
        self.data_received(b"")
        return True  # the other direction stays open

    def connection_lost(self, error: Exception | None) -> None:
        """Break off the other end too, unless both streams had ended."""
        if self._timer:
            self._timer.cancel()
        self._door.open.discard(self)
        if not (self._delivered_all and self.other._delivered_all):
            self.other.abort()

    def pause_writing(self) -> None:
        """Stop reading from the other end: this one is full."""
        self.other._set_other_is_full(True)

    def resume_writing(self) -> None:
        """Read from the other end again."""
        self.other._set_other_is_full(False)

    def abort(self) -> None:
        """Break off, now or as soon as it is connected; a TCP peer gets a reset."""
        self._aborted = True
        if self.transport and not self.transport.is_closing():
            peer = self.transport.get_extra_info("socket")
            if peer.family == socket.AF_INET:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self.transport.abort()

    def both_connected(self) -> None:
        """Deliver what was heard before the other end was there."""
        if self._timer is None:
            self._deliver_what_is_due()

    def _deliver(self, data: bytes) -> None:
        here, there = self.transport, self.other.transport
        if not here or not there or there.is_closing():
            return
        if data:
            there.write(data)
            return
        self._delivered_all = True
        there.write_eof()
        if self.other._delivered_all:
            there.close()
            here.close()

    def _deliver_later(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._door.delay
        if self._under_way:
            due = max(due, self._under_way[-1][0])  # never overtake, also when the delay shrinks
        self._under_way.append((due, data))
        self._bytes_under_way += len(data)
        self._pace()
        if self._timer is None:
            self._timer = loop.call_at(due, self._deliver_what_is_due)

    def _deliver_what_is_due(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        if self.other.transport is None:
            return
        while self._under_way and self._under_way[0][0] <= loop.time():
            data = self._under_way.popleft()[1]
            self._bytes_under_way -= len(data)
            self._deliver(data)
        self._pace()
        if self._under_way:
            self._timer = loop.call_at(self._under_way[0][0], self._deliver_what_is_due)

    def _set_other_is_full(self, full: bool) -> None:
        self._other_is_full = full
        self._pace()

    def _pace(self) -> None:
        if self._heard_all or self.transport is None or self.transport.is_closing():
            return
        if self._other_is_full or self._bytes_under_way > FLIGHT_LIMIT:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()


class Relay:
    """All doors, and the requests about them."""

    def __init__(self) -> None:
        self._doors: dict[str, Door] = {}
        self._tasks: set[asyncio.Future[None]] = set()

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what a request asks."""
        name = str(request["door"])
        if request["do"] == "open":
            self._doors[name] = door = Door(str(request["address"]))
            self._start(self._listen(name, door))
            return {}
        door = self._doors[name]
        if request["do"] == "reset":
            return {"reset": door.reset()}
        if request["do"] == "delay":
            door.delay = float(request["seconds"])
            return {}
        return {"open": len(door.open), "accepted": door.accepted}

    async def _listen(self, name: str, door: Door) -> None:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(name)
        Path(name).chmod(0o600)
        listener.listen(256)
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        while True:
            visitor, _ = await loop.sock_accept(listener)
            visitor.setblocking(False)
            self._start(door.admit(visitor))

    def _start(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def serve() -> None:
    """Answer requests until standard input ends."""
    requests = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    relay = Relay()
    while line := await requests.readline():
        try:
            answer = await relay.answer(json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    os.chdir(sys.argv[1])  # a socket's path may have at most 107 bytes
    asyncio.run(serve())
