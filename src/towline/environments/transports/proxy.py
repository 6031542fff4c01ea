"""A proxy on the workspace's loopback: few hosts, one password, and gone when it is closed.

The cluster reaches it through a forwarded port, which others on a shared login node can connect to:
hence the password.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import select
import socket
import socketserver
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

USER = "towline"

IDLE_SECONDS = 120.0
"""A connection on which nothing moves for so long is closed."""

_HEAD_BYTES = 64 * 1024
_CHUNK = 256 * 1024
_STANDARD_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Place:
    """A host and port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def places_of(urls: Iterable[str]) -> frozenset[Place]:
    """Return the hosts and ports that URLs lead to."""
    found = set()
    for url in urls:
        parts = urlsplit(url)
        if parts.hostname:
            port = parts.port or _STANDARD_PORTS.get(parts.scheme, 443)
            found.add(Place(parts.hostname.lower(), port))
    return frozenset(found)


@dataclass
class Proxy:
    """An HTTP proxy (CONNECT, and plain requests) to a few places; a context manager.

    Args:
        allowed: where it leads; everything else is refused.
        refused: called with the place, when somebody with the password asks for another one.

    """

    allowed: frozenset[Place]
    refused: Callable[[Place], None]
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    def __enter__(self) -> Proxy:
        """Listen on a free port of the loopback."""
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="towline proxy", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening and close every connection."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        with self._lock:
            left, self._open = self._open, set()
        for each in left:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    @property
    def port(self) -> int:
        """The port on the loopback."""
        return int(self._server.server_address[1])

    def url(self, port: int) -> str:
        """Return the proxy's URL, password and all, as seen at another port."""
        return f"http://{USER}:{self.password}@127.0.0.1:{port}"

    def serve(self, client: socket.socket) -> None:
        """Serve one connection to its end."""
        client.settimeout(IDLE_SECONDS)
        self._keep(client)
        try:
            head, rest = _read_head(client)
            lines = head.decode("latin-1").split("\r\n")
            method, target, *_ = [*lines[0].split(" "), "", ""]
            if not self._knows_password(lines[1:]):
                _say(client, "407 Proxy Authentication Required", 'Basic realm="towline"')
                return
            place = _place_of(method, target)
            if place not in self.allowed:
                self.refused(place)
                _say(client, "403 Forbidden")
                return
            self._connect(client, place, method, target, lines, rest)
        except (OSError, ValueError):
            return
        finally:
            self._let_go(client)

    def _connect(
        self,
        client: socket.socket,
        place: Place,
        method: str,
        target: str,
        lines: list[str],
        rest: bytes,
    ) -> None:
        try:
            server = socket.create_connection((place.host, place.port), timeout=20)
        except OSError:
            _say(client, "502 Bad Gateway")
            return
        self._keep(server)
        try:
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                server.sendall(_without_proxy(method, target, lines))
            if rest:
                server.sendall(rest)
            _carry(client, server)
        finally:
            self._let_go(server)

    def _knows_password(self, headers: list[str]) -> bool:
        given = ""
        for line in headers:
            name, _, value = line.partition(":")
            if name.strip().lower() == "proxy-authorization":
                given = value.strip().removeprefix("Basic ").strip()
        wanted = base64.b64encode(f"{USER}:{self.password}".encode())
        return hmac.compare_digest(given.encode(), wanted)

    def _keep(self, each: socket.socket) -> None:
        with self._lock:
            self._open.add(each)

    def _let_go(self, each: socket.socket) -> None:
        with self._lock:
            self._open.discard(each)
        with suppress(OSError):
            each.close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64  # an installer opens fifty connections at once

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)

    def finish_request(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)  # noqa: S101 - this is TCP
        self._proxy.serve(request)


def _read_head(client: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(_HEAD_BYTES)
        if not more or len(data) > _HEAD_BYTES:
            raise ValueError("no request")
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def _place_of(method: str, target: str) -> Place:
    parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
    if not parts.hostname:
        raise ValueError("no host")
    return Place(parts.hostname.lower(), parts.port or (443 if method == "CONNECT" else 80))


def _without_proxy(method: str, target: str, lines: list[str]) -> bytes:
    """Return a plain request as its server expects it: a path, and no more than this request."""
    parts = urlsplit(target)
    path = parts._replace(scheme="", netloc="").geturl() or "/"
    dropped = ("proxy-", "connection:")
    kept = [line for line in lines[1:] if line and not line.lower().startswith(dropped)]
    head = [f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""]
    return "\r\n".join(head).encode("latin-1")


def _say(client: socket.socket, status: str, challenge: str = "") -> None:
    extra = f"Proxy-Authenticate: {challenge}\r\n" if challenge else ""
    client.sendall(
        f"HTTP/1.1 {status}\r\n{extra}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
    )


def _carry(client: socket.socket, server: socket.socket) -> None:
    """Carry bytes both ways until one side ends."""
    other = {client: server, server: client}
    while True:
        ready, _, _ = select.select(list(other), [], [], IDLE_SECONDS)
        if not ready:
            return
        for each in ready:
            data = each.recv(_CHUNK)
            if not data:
                return
            other[each].sendall(data)
