"""Which server, and with which key: what was given, the environment, or this machine's own."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from towline import folders
from towline.errors import DefinitionError, NotAuthorised, ServerUnreachable

SERVER, API_KEY = "TOWLINE_SERVER", "TOWLINE_API_KEY"
ALLOW_HTTP = "TOWLINE_ALLOW_HTTP"


@dataclass(frozen=True)
class Address:
    """A server's address without a slash at its end, and the key for it (never shown).

    ``own``: it is this user's own server, whose key, and perhaps port, is new after each start.
    """

    url: str
    api_key: str = field(repr=False)
    own: bool = False

    @property
    def shown(self) -> str:
        """The address for people and browsers, who know their own server as localhost."""
        return self.url.replace("//127.0.0.1:", "//localhost:") if self.own else self.url

    def now(self) -> Address:
        """Return the address as it is now."""
        if not self.own:
            return self
        # A server that is just starting has written its key, and not yet its address.
        return Address(_local_url() or self.url, _local_key() or self.api_key, own=True)


def find_server(
    url: str | None = None,
    api_key: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Address:
    """Return where to go: the arguments, else the environment, else this user's own server.

    The server that this user has started on this machine is known by its ``server.json``; beside
    it lies a key that only this user can read.

    Raises:
        DefinitionError: the address is no address, or the key would cross a network readable.
        NotAuthorised: there is no key for it.
        ServerUnreachable: none was named and none runs here.

    """
    given = url or environment.get(SERVER) or None
    key = api_key or environment.get(API_KEY) or None
    local = local_server()
    if given is None:
        if local is None:
            raise ServerUnreachable(
                "server", "none was named, and none of yours runs here", f"towline up, or {SERVER}"
            )
        return Address(local.url, key) if key else local
    address = check_url(given, allow_http=environment.get(ALLOW_HTTP) == "1")
    if key is None and local is not None and same_place(local.url, address):
        return local
    if key is None:
        raise NotAuthorised(f"server {address}", "no API key is given", f"set {API_KEY}")
    return Address(address, check_key(key))


def server_folder() -> Path:
    """Return the folder of this user's own server."""
    return folders.state_folder() / "server"


def local_server() -> Address | None:
    """Return this user's own server as it wrote itself down; None when there is none."""
    url, key = _local_url(), _local_key()
    return Address(url, key, own=True) if url and key else None


def _local_url() -> str | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        url = str(json.loads((server_folder() / "server.json").read_text())["url"])
        return _numeric(url.rstrip("/"))
    return None


def _local_key() -> str | None:
    with contextlib.suppress(OSError):
        return (server_folder() / "local.key").read_text().strip() or None
    return None


def _numeric(url: str) -> str:
    """Return the address without the name localhost.

    That name may mean ``::1`` first, where any other user of this machine could be listening.
    """
    return url.replace("http://localhost:", "http://127.0.0.1:")


def check_url(url: str, *, allow_http: bool = False) -> str:
    """Return an address in its plain form.

    Raises:
        DefinitionError: it is none, has a key in it, or would show the key to the network.

    """
    text = url.strip()
    if "://" not in text:
        host = text.split("/")[0].rsplit(":", 1)[0]
        text = f"{'http' if is_loopback(host) else 'https'}://{text}"
    parts = urlsplit(text)
    try:
        name, _ = parts.hostname or "", parts.port
    except ValueError:
        name = ""
    if parts.scheme not in ("http", "https") or not name:
        raise DefinitionError(
            f"server {_without_secrets(url)}",
            "is no address",
            "such as https://towline.example.org",
        )
    if parts.query or parts.fragment or parts.username or parts.password:
        raise DefinitionError(
            f"server {_without_secrets(url)}",
            "a user, key or query in an address ends up in logs",
            f"give the bare address, and the key in {API_KEY}",
        )
    if parts.scheme == "http" and not is_loopback(name) and not allow_http:
        raise DefinitionError(
            f"server {text}",
            "the key would cross the network readable",
            f"use https, or forward the port by SSH; where the network is trusted: {ALLOW_HTTP}=1",
        )
    return text.rstrip("/")


def check_key(key: str) -> str:
    """Return a key without the blanks that copying adds.

    Raises:
        NotAuthorised: it cannot be one: HTTP headers are printable ASCII.

    """
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise NotAuthorised(API_KEY, "this is no API key", "copy it again, whole: tl_…")
    return key


def same_place(one: str, other: str) -> bool:
    """Return whether two addresses are one: this machine has several names."""
    first, second = urlsplit(one), urlsplit(other)
    hosts = [first.hostname or "", second.hostname or ""]
    same_host = hosts[0] == hosts[1] or all(map(is_loopback, hosts))
    return same_host and (first.scheme, first.port) == (second.scheme, second.port)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _without_secrets(url: str) -> str:
    return url.partition("?")[0].rpartition("@")[2]
