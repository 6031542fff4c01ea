"""``towline cluster import-ssh-config``: clusters from the hosts of the SSH configuration."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated, Literal

import typer

from towline.cli import _output as output
from towline.cli._choose_hosts import ask_which
from towline.cli._output import JsonOption
from towline.cli._server import only_here
from towline.clusters import ClusterStore, SshHost, define, host_aliases, ssh_hosts


def add_import_command(app: typer.Typer) -> None:
    """Give the noun its verb ``import-ssh-config``."""
    example = "Example: towline cluster import-ssh-config 'hpc-*'"
    app.command("import-ssh-config", epilog=example)(import_ssh_config)


@only_here(
    "the hosts are those of your own SSH configuration",
    "towline cluster add NAME --host HOST --server URL",
)
def import_ssh_config(
    pattern: Annotated[
        str | None,
        typer.Argument(
            metavar="PATTERN",
            help="Take the hosts that match, such as 'hpc-*'.",
            show_default=False,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Take all hosts.")] = False,
    ssh_config: Annotated[
        Path | None, typer.Option(help="SSH configuration in place of ~/.ssh/config.")
    ] = None,
    type: Annotated[  # noqa: A002 - the file's word
        Literal["slurm", "pbs", "torque", "lsf", "gridengine", "condor", "ssh"],
        typer.Option(help="Type of the new clusters."),
    ] = "slurm",
    json: JsonOption = False,
) -> None:
    """Define clusters from the hosts of your SSH configuration.

    Without a pattern and without --all it asks which ones to take.
    """
    config = (ssh_config or Path.home() / ".ssh" / "config").expanduser().absolute()
    hosts = ssh_hosts(host_aliases(config), ClusterStore().names())
    if pattern is not None:
        hosts = [host for host in hosts if fnmatch(host.alias, pattern)]
    elif not everything:
        hosts = ask_which(hosts, config)
    own_config = {"ssh_config": str(config)} if ssh_config else {}
    done = [
        {"host": host.alias, "cluster": host.name, "result": _import(host, type, own_config)}
        for host in hosts
    ]
    if json:
        output.print_json(done)
        return
    output.print_table(
        ["host", "cluster", "result"],
        [list(row.values()) for row in done],
        empty=f"No host of {config} was taken.",
    )
    if any(row["result"] == "defined" for row in done):
        typer.echo("next: towline cluster check NAME")


def _import(host: SshHost, type_: str, own_config: dict[str, str]) -> str:
    if host.obstacle:
        return host.obstacle
    ClusterStore().add(define(host.name, type=type_, host=host.alias, **own_config))
    return "defined"
