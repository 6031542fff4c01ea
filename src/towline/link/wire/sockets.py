"""The local sockets of the channels: worker managers on the controller, the interchange at home."""

import errno
import socket
from typing import Callable, Dict, Tuple

from .channels import Channel, Channels, Sink
from .frames import MAX_DATA_BYTES
from .loop import WRITE, Loop

KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 6))
"""A node that lost power says nothing: after about three minutes its connection is closed."""


class LocalSocket:
    """One non-blocking TCP socket and the channel that it belongs to."""

    __slots__ = ("channel", "connecting", "fd", "sock")

    def __init__(self, sock: socket.socket, channel: Channel, connecting: bool) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.channel = channel
        self.connecting = connecting


class Sockets(Sink):
    """Move bytes between channels and local sockets.

    Args:
        channels: set right after construction; both know each other.
        dial: returns the address behind a listener's number, on the end that dials.
        congested: called after each read; True pauses all sources.

    """

    channels: Channels

    def __init__(
        self,
        loop: Loop,
        dial: Callable[[int], Tuple[str, int]],
        congested: Callable[[], bool],
    ) -> None:
        self._loop = loop
        self._dial = dial
        self._congested = congested
        self._by_channel: Dict[int, LocalSocket] = {}

    def add(self, channel: Channel, sock: socket.socket, connecting: bool = False) -> None:
        """Give a channel its socket, connected or about to be."""
        sock.setblocking(False)
        tune(sock)
        local = self._by_channel[channel.number] = LocalSocket(sock, channel, connecting)
        if connecting:
            self._loop.watch(local.fd, WRITE, lambda _: self._connected(local))
        else:
            self._watch_source(local)

    # Sink ---------------------------------------------------------------------------------------

    def opened(self, channel: Channel, listener: int, peer: str) -> None:
        """Dial what stands behind ``listener``; refused or unknown resets the channel."""
        try:
            address = self._dial(listener)
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        except (LookupError, OSError):
            self.channels.reset(channel)
            return
        sock.setblocking(False)
        problem = sock.connect_ex(address)
        if problem in (0, errno.EINPROGRESS):
            self.add(channel, sock, connecting=problem != 0)
        else:
            sock.close()
            self.channels.reset(channel)

    def deliver(self, channel: Channel, data: memoryview) -> int:
        """Write to the channel's socket as much as it takes now."""
        local = self._by_channel[channel.number]
        if local.connecting:
            return 0
        try:
            count = local.sock.send(data)
        except (BlockingIOError, InterruptedError):
            count = 0
        except OSError:
            self.channels.reset(channel)
            return len(data)
        if count < len(data):
            self._loop.watch(local.fd, WRITE, lambda _: self._writable(local))
        return count

    def ended(self, channel: Channel) -> None:
        """Pass the other end's EOF on."""
        local = self._by_channel[channel.number]
        if not local.connecting:
            _shut_down_writing(local.sock)

    def credited(self, channel: Channel) -> None:
        """Read the socket again."""
        local = self._by_channel[channel.number]
        if not local.connecting:
            self._watch_source(local)

    def closed(self, channel: Channel) -> None:
        """Close the channel's socket, if it ever got one."""
        local = self._by_channel.pop(channel.number, None)
        if local is not None:
            self._loop.unwatch_source(local.fd)
            self._loop.unwatch(local.fd)
            local.sock.close()

    # Events -------------------------------------------------------------------------------------

    def _watch_source(self, local: LocalSocket) -> None:
        self._loop.watch_source(local.fd, lambda: self._readable(local))

    def _connected(self, local: LocalSocket) -> None:
        self._loop.unwatch(local.fd)
        if local.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.channels.reset(local.channel)
            return
        local.connecting = False
        self._watch_source(local)
        if local.channel.pending:
            self._writable(local)
        elif local.channel.ended:
            _shut_down_writing(local.sock)

    def _readable(self, local: LocalSocket) -> None:
        channel = local.channel
        if not channel.may_send:  # reset by the other end; only pending bytes are still delivered
            self._loop.unwatch_source(local.fd)
            return
        if not channel.credit:
            self._loop.unwatch_source(local.fd)
            self.channels.starve(channel)
            return
        try:
            data = local.sock.recv(min(channel.credit, MAX_DATA_BYTES))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.channels.reset(channel)
            return
        if data:
            self.channels.data(channel, data)
            if self._congested():
                self._loop.pause_sources()
        else:
            self._loop.unwatch_source(local.fd)
            self.channels.end(channel)

    def _writable(self, local: LocalSocket) -> None:
        channel = local.channel
        try:
            count = local.sock.sendmsg(list(channel.pending)[:64])
        except (BlockingIOError, InterruptedError):
            count = 0
        except OSError:
            self.channels.reset(channel)
            return
        if count == channel.pending_bytes:
            self._loop.unwatch(local.fd)
        else:
            self._loop.watch(local.fd, WRITE, lambda _: self._writable(local))
        self.channels.delivered(channel, count)


def tune(sock: socket.socket) -> None:
    """Send small messages at once, and notice a peer that vanished."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE:
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _shut_down_writing(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # already gone; the next read or write says so
