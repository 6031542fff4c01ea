"""``towline key``: API keys."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from towline.cli import _output as output
from towline.cli._api import ServerOption, api, every
from towline.cli._output import JsonOption

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="API keys, for programs, CI and other machines. With a server, or on its data while "
    "none runs.",
)

COLUMNS = ("id", "name", "user", "scopes", "last used", "expires", "state")


@app.command(
    epilog="Example: towline key create ci --scope read --scope run --scope clusters "
    "--expires-days 90"
)
def create(
    name: Annotated[str, typer.Argument(help="What it is for.", show_default=False)],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What it may do: read, run, clusters, workflows, admin; may be repeated. "
            "Default: read.",
            show_default=False,
        ),
    ] = None,
    expires_days: Annotated[
        float | None, typer.Option(help="Default: it does not expire.", show_default=False)
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="For administrators: whose key.", show_default=False)
    ] = None,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and print it: it is shown this once."""
    body = {"name": name, "scopes": scope or ["read"], "expires_days": expires_days, "user": user}
    with api(server) as call:
        made = call("POST", "/keys", body)
    if as_json:
        output.print_json(made)
        return
    typer.echo(made["key"])
    expires = f"until {made['expires']}" if made["expires"] else "does not expire"
    typer.echo(
        f"key {made['id']} of {made['user']}: {', '.join(made['scopes'])}; {expires}. "
        "Keep it: it is not shown again.",
        err=True,
    )


@app.command("list", epilog="Example: towline key list --json")
def list_keys(server: ServerOption = None, as_json: JsonOption = False) -> None:
    """List your keys; an administrator sees all."""
    with api(server) as call:
        found = every(call, "/keys")
    if as_json:
        output.print_json(found)
    else:
        output.print_table(
            COLUMNS,
            [_row(key) for key in found],
            empty="none; make one: towline key create NAME",
        )


@app.command(epilog="Example: towline key revoke k3x9w2ab")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As key list shows it.")],
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke a key: from now on it opens nothing."""
    from urllib.parse import quote

    with api(server) as call:
        call("DELETE", f"/keys/{quote(key_id, safe='')}")
    if as_json:
        output.print_json({"revoked": key_id})
    else:
        typer.echo(f"key {key_id} opens nothing any more")


def _row(key: dict[str, Any]) -> tuple[object, ...]:
    state = "revoked" if key["revoked"] else "valid"
    if state == "valid" and key["expires"] and _over(key["expires"]):
        state = "expired"
    return (
        key["id"],
        key["name"],
        key["user"],
        " ".join(key["scopes"]),
        (key["last_used"] or "never")[:16],
        (key["expires"] or "never")[:16],
        state,
    )


def _over(moment: str) -> bool:
    from datetime import datetime, timezone

    return datetime.fromisoformat(moment.replace("Z", "+00:00")) <= datetime.now(timezone.utc)
