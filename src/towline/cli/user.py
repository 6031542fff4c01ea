"""``towline user``: accounts of a shared server."""

from __future__ import annotations

import sys
from enum import Enum
from typing import Annotated, Any
from urllib.parse import quote

import typer

from towline.cli import _output as output
from towline.cli._api import ServerOption, api, every
from towline.cli._output import JsonOption

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Accounts of a shared server. With a server, or on its data while none runs.",
)

COLUMNS = ("name", "role", "state", "password", "since")


class RoleName(str, Enum):
    """What a user may do at most."""

    VIEWER = "viewer"
    USER = "user"
    ADMIN = "admin"


NameArgument = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
PasswordOption = Annotated[
    bool, typer.Option("--password", help="Ask for a password; from a pipe: its first line.")
]


@app.command(epilog="Example: towline user add ann --role admin --password")
def add(
    name: NameArgument,
    role: Annotated[
        RoleName,
        typer.Option(
            help="viewer: sees what is shared. user: has own clusters and runs. admin: all."
        ),
    ] = RoleName.USER,
    password: PasswordOption = False,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an account. Without a password it comes in by key only: towline key create --user.

    Who may launch runs acts with the account that runs the server, and can read its files and SSH
    keys: roles user and admin are for people you trust.
    """
    body = {"name": name, "role": role.value, "password": _ask(name) if password else None}
    with api(server) as call:
        _show(call("POST", "/users", body), as_json)
    if role is not RoleName.VIEWER and not as_json:
        typer.echo(
            f"{name}'s runs act with the account that runs the server: they can read its files and "
            "SSH keys",
            err=True,
        )


@app.command("list", epilog="Example: towline user list --json")
def list_users(server: ServerOption = None, as_json: JsonOption = False) -> None:
    """List all accounts."""
    with api(server) as call:
        found = every(call, "/users")
    if as_json:
        output.print_json(found)
    else:
        output.print_table(COLUMNS, [_row(user) for user in found])


@app.command(
    "set",
    epilog="Examples: towline user set ann --role viewer;  towline user set ann --disable",
)
def change(
    name: NameArgument,
    role: Annotated[RoleName | None, typer.Option(show_default=False)] = None,
    disabled: Annotated[
        bool | None,
        typer.Option("--disable/--enable", help="Lock out, or let in again.", show_default=False),
    ] = None,
    password: PasswordOption = False,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change role or password; lock out. A new password logs the user's browsers out."""
    asked: dict[str, Any] = {
        "role": role.value if role else None,
        "disabled": disabled,
        "password": _ask(name) if password else None,
    }
    body = {key: value for key, value in asked.items() if value is not None}
    with api(server) as call:
        _show(call("PATCH", f"/users/{quote(name, safe='')}", body), as_json)


@app.command(epilog="Example: towline user remove ann")
def remove(name: NameArgument, server: ServerOption = None, as_json: JsonOption = False) -> None:
    """Revoke an account's keys, log-ins and grants for good; its name stays taken."""
    with api(server) as call:
        call("DELETE", f"/users/{quote(name, safe='')}")
    if as_json:
        output.print_json({"removed": name})
    else:
        typer.echo(f"{name} can no longer come in; runs and clusters of {name} stay")


def _ask(name: str) -> str:
    """Return a password: asked for twice on a terminal, read once from a pipe."""
    if sys.stdin.isatty():
        return str(typer.prompt(f"Password for {name}", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


def _show(user: dict[str, Any], as_json: bool) -> None:
    if as_json:
        output.print_json(user)
    else:
        output.print_table(COLUMNS, [_row(user)])


def _row(user: dict[str, Any]) -> tuple[object, ...]:
    return (
        user["name"],
        user["role"],
        "disabled" if user["disabled"] else "active",
        "yes" if user["has_password"] else "no",
        user["created"][:10],
    )
