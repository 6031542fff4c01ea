"""Let the user choose hosts of the SSH configuration."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from towline.cli import _output as output
from towline.clusters import SshHost, chosen
from towline.errors import DefinitionError


def ask_which(hosts: list[SshHost], config: Path) -> list[SshHost]:
    """Show the hosts and let the user choose; without a terminal say how to choose instead."""
    free = [host for host in hosts if not host.obstacle]
    if not free:
        return hosts
    if not output.on_terminal(sys.stdin):
        raise DefinitionError(
            str(config),
            f"holds {len(free)} hosts to choose from: {', '.join(host.alias for host in free)}",
            "towline cluster import-ssh-config PATTERN, or --all",
        )
    rows = [(number, host.alias, host.name) for number, host in enumerate(free, 1)]
    output.print_table(["", "host", "as cluster"], rows, numbers=[""])
    while True:
        answer = typer.prompt("Which ones? (numbers, names, all; nothing: none)", default="")
        try:
            return chosen(free, answer)
        except ValueError as error:
            typer.echo(str(error))
