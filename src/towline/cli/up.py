"""``towline up``: the server in the background, and a link to it."""

from __future__ import annotations

import contextlib

import typer

from towline.cli import _output as output
from towline.cli._output import JsonOption
from towline.cli._server_options import (
    CertOption,
    DatabaseOption,
    HostOption,
    KeyFileOption,
    OriginOption,
    PortOption,
    ProxyOption,
    as_words,
)
from towline.errors import ServerError

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(
    epilog="Examples: towline up;  towline up --port 9000. "
    "Exit codes: 0 it runs, 2 wrong options, 8 it did not start."
)
def up(
    host: HostOption = None,
    port: PortOption = None,
    origin: OriginOption = None,
    behind_proxy: ProxyOption = None,
    database: DatabaseOption = None,
    tls_cert: CertOption = None,
    tls_key: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start the server in the background and print a link that logs your browser in, once.

    Where it runs already, print a new link. It survives this terminal: towline down ends it.
    """
    from towline.server import process
    from towline.server.process.settings_file import read_settings
    from towline.server.settings import server_folder

    words = as_words(host, port, origin, behind_proxy, database, tls_cert, tls_key)
    if not words:
        read_settings()  # a mistake in the file is better said here than in a log
    with output.working("starting the server"):
        record, started = process.up(server_folder(), words)
    link = _link()
    if as_json:
        output.print_json({**record.as_dict(), "login_url": link, "was_running": not started})
        return
    if not started:
        typer.echo(f"the server runs already (pid {record.process.pid})")
        if words:
            typer.echo("it was not started anew: towline down, then towline up", err=True)
    typer.echo(f"open {link or record.address}")
    if link:
        typer.echo("the link works once, within five minutes; a new one: towline up")


def _link() -> str | None:
    """Return a link that logs in; None where the certificate's name is not known here."""
    from towline.cli._api import api

    with contextlib.suppress(ServerError), api(None) as call:
        return str(call("POST", "/login-links")["url"])
    return None
