"""``towline server``: serve in this terminal, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from towline.cli._server_options import (
    CertOption,
    DatabaseOption,
    HostOption,
    KeyFileOption,
    OriginOption,
    PortOption,
    ProxyOption,
    refuse_password,
)

if TYPE_CHECKING:
    from towline.server.process import ServerRecord

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(
    epilog="Examples: towline server;  towline server --host 0.0.0.0 --origin "
    "https://hpc.example.org --tls-cert chain.pem --tls-key key.pem"
)
def server(
    host: HostOption = None,
    port: PortOption = None,
    origin: OriginOption = None,
    behind_proxy: ProxyOption = None,
    database: DatabaseOption = None,
    tls_cert: CertOption = None,
    tls_key: KeyFileOption = None,
    log: Annotated[
        Path | None, typer.Option(help="Write the log there, a few MB at most.", hidden=True)
    ] = None,
) -> None:
    """Serve API and pages in this terminal, until Ctrl-C; for systemd and containers.

    On your own machine: towline up. Settings that stay are in server.yaml.
    """
    from towline.server.process.serve import serve
    from towline.server.process.settings_file import read_settings

    refuse_password(database)
    settings = read_settings(
        host=host,
        port=port,
        origins=origin,
        behind_proxy=behind_proxy,
        database=database,
        tls_cert=tls_cert,
        tls_key=tls_key,
    )
    serve(settings, log=log, ready=_say)


def _say(record: ServerRecord) -> None:
    typer.echo(f"serving at {record.address} (pid {record.process.pid}); log in: towline up")
