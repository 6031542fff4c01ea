"""``towline status``: whether a server runs here, and where."""

from __future__ import annotations

import time
from typing import Any

import typer

from towline.cli import _output as output
from towline.cli._api import ServerOption, api
from towline.cli._output import JsonOption
from towline.errors import ServerError

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(
    epilog="Exit code: 0 it answers, 1 none runs, 8 it runs and does not answer. "
    "Example: towline status --json"
)
def status(server: ServerOption = None, as_json: JsonOption = False) -> None:
    """Show whether a server runs on this machine, where, since when, and its size."""
    from towline.server.process import running_server
    from towline.server.process.launch import LOG
    from towline.server.settings import server_folder

    folder = server_folder()
    record = running_server(folder)
    if record is None and not server:
        if as_json:
            output.print_json({"running": False})
        else:
            typer.echo("no server runs on this machine; start one: towline up")
        raise typer.Exit(1)
    facts: dict[str, Any] = {"running": True, "answers": True}
    if record is not None and not server:
        facts |= {**record.as_dict(), "folder": str(folder), "log": str(folder / LOG)}
    try:
        with api(server) as call:
            facts |= call("GET", "/server")
    except ServerError as error:
        if record is None or server:
            raise
        facts |= {"answers": False, "error": error.cause}
    if as_json:
        output.print_json(facts)
    else:
        output.print_table(None, _rows(facts, record.started if record else None))
    if not facts["answers"]:
        raise typer.Exit(ServerError.exit_code)


def _rows(facts: dict[str, Any], started: float | None) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [("address", facts["address"])]
    rows.append(("answers", "yes" if facts["answers"] else f"no: {facts['error']}"))
    rows.append(("version", facts["version"]))
    rows.append(("pid", facts["pid"]))
    if started is not None:
        rows.append(("up for", f"{(time.time() - started) / 60:.0f} min"))
    if "memory_bytes" in facts:
        rows.append(("memory", f"{facts['memory_bytes'] / 1e6:.0f} MB"))
    rows += [(name, facts[name]) for name in ("folder", "log") if name in facts]
    return rows
