"""What a server is told when it starts."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from towline.errors import DefinitionError
from towline.folders import state_folder

DEFAULT_PORT = 8695
"""T-O-W-L on a telephone."""

_BY_LOCALHOST = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "::")  # noqa: S104 - not bound
"""Where one listens who is reached as localhost; 127.0.0.2 is not among them."""


def server_folder() -> Path:
    """Return the folder of the server's own files: database, lock, log, local key, uploads."""
    return state_folder() / "server"


@dataclass(frozen=True)
class Settings:
    """How one server runs.

    Args:
        folder: where it keeps its files.
        host: the address that it listens on.
        port: 0: any that is free.
        any_port: when the port is taken, take any that is free.
        origins: how browsers reach it when that is not ``http://localhost:<port>``, such as
            ``https://hpc.example.org``.
        behind_proxy: a proxy in front of it does TLS.
        database: a URL; empty: SQLite in the folder.
        tls_cert: certificate chain, PEM.
        tls_key: its private key, PEM.
        login_days: how long a browser stays logged in.

    """

    folder: Path = field(default_factory=server_folder)
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    any_port: bool = False
    origins: tuple[str, ...] = ()
    behind_proxy: bool = False
    database: str = ""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    login_days: float = 30

    def __post_init__(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise DefinitionError(
                "towline server", "one of --tls-cert and --tls-key is missing", "give both"
            )
        for origin in self.origins:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
                raise DefinitionError(
                    f"--origin {origin}",
                    "is not an origin",
                    "write it as the browser's address begins: https://hpc.example.org",
                )

    @property
    def loopback(self) -> bool:
        """Return whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def https(self) -> bool:
        """Return whether browsers come by https."""
        if self.origins:
            return all(origin.startswith("https:") for origin in self.origins)
        return self.tls_cert is not None

    @property
    def address(self) -> str:
        """Return how browsers reach this server, without a path."""
        if self.origins:
            return self.origins[0].rstrip("/")
        scheme = "https" if self.https else "http"
        name = "localhost" if self.host in _BY_LOCALHOST else self.host
        return (
            f"{scheme}://[{name}]:{self.port}" if ":" in name else f"{scheme}://{name}:{self.port}"
        )

    @property
    def database_url(self) -> str | Path:
        """Return what `Store` is given."""
        return self.database or self.folder / "towline.db"

    @property
    def host_names(self) -> frozenset[str]:
        """Return the names that a request's Host may have, without ports."""
        names = {urlsplit(origin).hostname or "" for origin in self.origins}
        names |= {
            "localhost",
            "127.0.0.1",
            "::1",
        }  # no page has these names
        if self.host not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            names.add(self.host.lower())
        return frozenset(names)
