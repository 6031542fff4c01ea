"""``towline down``: end the server; runs go on."""

from __future__ import annotations

import typer

from towline.cli import _output as output
from towline.cli._output import JsonOption

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(epilog="Exit code: 0, also when none was running. Example: towline down")
def down(as_json: JsonOption = False) -> None:
    """End the server on this machine; runs and clusters stay as they are."""
    from towline.server import process
    from towline.server.settings import server_folder

    with output.working("ending the server"):
        ended = process.down(server_folder())
    if as_json:
        facts = {"ended": ended is not None, "killed": bool(ended and ended.killed)}
        output.print_json({**facts, "pid": ended.record.process.pid if ended else None})
    elif ended is None:
        typer.echo("no server was running")
    else:
        how = "been killed: it did not end by itself" if ended.killed else "ended"
        typer.echo(f"the server (pid {ended.record.process.pid}) has {how}; runs go on without it")
