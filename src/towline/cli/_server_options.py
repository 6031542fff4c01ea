"""The options of ``towline server`` and ``towline up``: they are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from towline.errors import DefinitionError

HostOption = Annotated[
    str | None,
    typer.Option(help="Address to listen on; default 127.0.0.1.", show_default=False),
]
PortOption = Annotated[
    int | None,
    typer.Option(
        min=0, max=65535, help="Default 8695, or any that is free; 0: any.", show_default=False
    ),
]
OriginOption = Annotated[
    list[str] | None,
    typer.Option(metavar="URL", help="How browsers reach it; may be repeated.", show_default=False),
]
ProxyOption = Annotated[
    bool | None,
    typer.Option("--behind-proxy", help="A proxy in front does TLS.", show_default=False),
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="postgresql://USER@HOST/NAME (its password: ~/.pgpass); default: a file.",
        show_default=False,
    ),
]
CertOption = Annotated[
    Path | None, typer.Option(help="Certificate chain, PEM.", show_default=False)
]
KeyFileOption = Annotated[
    Path | None, typer.Option(help="Its private key, PEM.", show_default=False)
]


def as_words(
    host: str | None,
    port: int | None,
    origin: list[str] | None,
    behind_proxy: bool | None,
    database: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
) -> list[str]:
    """Return the options as ``towline server`` takes them.

    Raises:
        DefinitionError: the database's URL holds a password, which ``ps`` would show.

    """
    refuse_password(database)
    values = {
        "--host": host,
        "--port": port,
        "--database": database,
        "--tls-cert": tls_cert and tls_cert.absolute(),
        "--tls-key": tls_key and tls_key.absolute(),
    }
    words = [f"{name}={value}" for name, value in values.items() if value is not None]
    words += [f"--origin={each}" for each in origin or ()]
    return words + (["--behind-proxy"] if behind_proxy else [])


def refuse_password(database: str | None) -> None:
    """Return only when the URL holds no password.

    Raises:
        DefinitionError: it does; every user of the machine could read it.

    """
    from urllib.parse import urlsplit

    if database and urlsplit(database).password:
        raise DefinitionError(
            "--database",
            "the URL holds a password, which every user of this machine could read in ps",
            "put the password into ~/.pgpass, and leave it out here",
        )
