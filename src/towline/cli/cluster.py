"""``towline cluster``: add, show, check and log in to clusters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from towline.cli import _cluster_views as views
from towline.cli import _output as output
from towline.cli._cluster_import import add_import_command
from towline.cli._cluster_power import add_power_commands
from towline.cli._output import JsonOption
from towline.cli._server import also_on_server, client, knows_servers, only_here, server_is_named
from towline.clusters import (
    CheckStep,
    ClusterDefinition,
    ClusterMemory,
    ClusterStore,
    Status,
    connect,
    define,
    examine,
    exit_code,
    forget_facts,
    load_facts,
    parse_mapping,
    recall_facts,
)
from towline.clusters.types import UnknownType, Way, cluster_types, type_named
from towline.errors import DefinitionError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Add, show, check and log in to clusters.",
)


def _complete_name(incomplete: str) -> list[str]:
    return [name for name in ClusterStore().names() if name.startswith(incomplete)]


def _complete_type(incomplete: str) -> list[str]:
    return [key for key in cluster_types() if key.startswith(incomplete)]


ClusterName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="Name of the cluster.",
        autocompletion=_complete_name,
        show_default=False,
    ),
]


@app.command(epilog="Example: towline cluster add onprem --host login.example.org --user alice")
@knows_servers
def add(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A new name: a-z, 0-9, _ and -.", show_default=False),
    ],
    host: Annotated[
        str | None, typer.Option(help="Controller: host name, address or Host of ~/.ssh/config.")
    ] = None,
    type: Annotated[  # noqa: A002 - the file's word
        str,
        typer.Option(
            help="slurm, pbs, torque, lsf, gridengine, condor; ssh: a host without a scheduler; "
            "local: this machine; or an installed plug-in's.",
            autocompletion=_complete_type,
        ),
    ] = "slurm",
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another key of its type's file."),
    ] = None,
    user: Annotated[str | None, typer.Option(help="User on the controller.")] = None,
    port: Annotated[int | None, typer.Option(help="SSH port of the controller.")] = None,
    jump: Annotated[str | None, typer.Option(help="Hosts to go through, as for ssh -J.")] = None,
    identity_file: Annotated[Path | None, typer.Option(help="Private key to use.")] = None,
    ssh_config: Annotated[
        Path | None, typer.Option(help="SSH configuration in place of ~/.ssh/config.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="The controller's address as nodes reach it.")
    ] = None,
    python: Annotated[
        str | None, typer.Option(help="Python on the controller, for the link's agent.")
    ] = None,
    root: Annotated[str | None, typer.Option(help="Towline's folder on the cluster.")] = None,
    partition: Annotated[
        list[str] | None, typer.Option(help="Offer this partition only; may be repeated.")
    ] = None,
    description: Annotated[str, typer.Option(help="One line about the cluster.")] = "",
    tag: Annotated[
        list[str] | None, typer.Option(help="Word to find it by; may be repeated.")
    ] = None,
    check: Annotated[bool, typer.Option(help="Try the way to the cluster at once.")] = True,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite a definition.")] = False,
    json: JsonOption = False,
) -> None:
    """Define a cluster, and check that it can be used.

    The definition is one small file that you can edit, compare and share.
    """
    if host and "@" in host and user is None:
        user, _, host = host.rpartition("@")
    given: dict[str, Any] = {
        "host": host,
        "user": user,
        "port": port,
        "jump": jump,
        "identity_file": _local(identity_file),
        "ssh_config": _local(ssh_config),
        "address": address,
        "python": python,
        "root": root,
        "partitions": partition,
        "description": description,
        "tags": tag,
    }
    given = {key: value for key, value in given.items() if value} | _settings(setting or [])
    if _needs_host(type) and not host:
        raise DefinitionError(
            f"cluster {name}", "no host is given", f"towline cluster add {name} --host HOST"
        )
    if server_is_named():
        from towline.cli.on_server import cluster as there

        with client() as server:
            wanted = {"type": type, **given}
            there.add(server, name, definition=wanted, try_it=check, replace=replace, json=json)
    definition = define(name, type=type, **given)
    path = ClusterStore().add(definition, replace=replace)
    forget_facts(name)
    if not json:
        typer.echo(f"{name}: defined in {path}")
    steps = _show_check(definition, json=json) if check else []
    if json:
        output.print_json(
            {
                "name": name,
                "file": str(path),
                "usable": exit_code(steps) == 0 if check else None,
                "steps": [step.as_dict() for step in steps],
            }
        )
    elif exit_code(steps):
        typer.echo(f"The definition is kept. When it is put right: towline cluster check {name}")
    elif not check:
        typer.echo(f"next: towline cluster check {name}")
    raise typer.Exit(exit_code(steps))


def _settings(pairs: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise DefinitionError(f"--set {pair}", "is no KEY=VALUE", "write --set KEY=VALUE")
        values |= parse_mapping(f"{key}: {text}\n", Path(f"--set {pair}")).values
    return values


def _needs_host(type_: str) -> bool:
    try:
        return type_named(type_).way is Way.HOST
    except UnknownType:
        return False  # the definition says so, with the types that there are


def _local(path: Path | None) -> str | None:
    return None if path is None else str(path.expanduser().absolute())


@app.command("list", epilog="Example: towline cluster list --json")
@also_on_server("cluster.list_clusters")
def list_clusters(json: JsonOption = False) -> None:
    """List the clusters, with what was last seen of them."""
    store = ClusterStore()
    rows: list[dict[str, Any]] = []
    broken: list[DefinitionError] = []
    for name in store.names():
        try:
            definition = store.load(name)
        except DefinitionError as error:
            broken.append(error)
            rows.append(views.broken_row(name, error))
        else:
            rows.append(views.list_row(definition, recall_facts(definition)))
    if json:
        output.print_json(rows)
    else:
        output.print_table(
            views.LIST_COLUMNS,
            [[row[column] for column in views.LIST_COLUMNS] for row in rows],
            empty="No cluster yet. Start with: towline cluster add NAME --host HOST"
            "\n            or with: towline cluster import-ssh-config",
        )
        for complaint in broken:
            typer.echo(f"error: {complaint}", err=True)
    raise typer.Exit(DefinitionError.exit_code if broken else 0)


@app.command(epilog="Example: towline cluster show onprem --refresh")
@also_on_server("cluster.show")
def show(
    name: ClusterName,
    refresh: Annotated[bool, typer.Option("--refresh", help="Look at the cluster now.")] = False,
    json: JsonOption = False,
) -> None:
    """Show a cluster's definition, and the facts that were last observed."""
    store = ClusterStore()
    definition = store.load(name)
    facts = recall_facts(definition)
    if refresh:
        with output.working(f"looking at {name}"):
            facts = load_facts(definition, connect(definition), max_age=0)
    if json:
        output.print_json(views.as_json(store.path(name), definition, facts))
        return
    views.print_definition(store.path(name), definition)
    typer.echo("")
    if facts is None:
        typer.echo(f"Never looked at. next: towline cluster check {name}")
    else:
        views.print_facts(facts)


@app.command(
    epilog="Exit code: 0 when runs can work, else that of the first failed step: 2 definition, "
    "3 reach, 4 site, 5 Python. Example: towline cluster check onprem --deep"
)
@also_on_server("cluster.check")
def check(
    name: ClusterName,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also run a job on one node, of a minute at most.")
    ] = False,
    partition: Annotated[str | None, typer.Option(help="Partition of that job.")] = None,
    account: Annotated[str | None, typer.Option(help="Account of that job.")] = None,
    json: JsonOption = False,
) -> None:
    """Try each step of the way to a cluster; say what to do where it ends."""
    definition = ClusterStore().load(name)
    steps = _show_check(definition, json=json, deep=deep, partition=partition, account=account)
    if json:
        output.print_json(
            {
                "name": name,
                "usable": exit_code(steps) == 0,
                "steps": [step.as_dict() for step in steps],
            }
        )
    raise typer.Exit(exit_code(steps))


def _show_check(
    definition: ClusterDefinition,
    *,
    json: bool,
    deep: bool = False,
    partition: str | None = None,
    account: str | None = None,
) -> list[CheckStep]:
    steps: list[CheckStep] = []
    show: Callable[[str], None]
    left = examine(
        definition,
        deep=deep,
        partition=partition,
        account=account,
        starting=lambda doing: show(f"{definition.name}: {doing}"),
    )
    while True:
        with output.working(definition.name) as show:
            step = next(left, None)
            while step is not None and step.status is Status.SKIPPED:
                steps.append(step)
                step = next(left, None)
        if step is None:
            break
        steps.append(step)
        if not json:
            views.print_check_step(step)
    if not json:
        views.print_verdict(definition, steps, deep=deep)
    return steps


add_power_commands(app, ClusterName)


@app.command(epilog="Example: towline cluster login onprem")
@only_here(
    "the one who logs in needs a terminal on the server's machine",
    "its page asks, too: towline cluster on NAME",
)
def login(name: ClusterName) -> None:
    """Log in to a cluster that asks for a password or code; one log-in serves all commands."""
    definition = ClusterStore().load(name)
    if definition.here:
        typer.echo(f"{name} is this machine: there is nothing to log in to")
        return
    from towline.ssh import Connection

    connection = Connection(definition.destination())
    if connection.is_open():
        typer.echo(f"{name}: the shared connection is open already")
        return
    connection.login()
    typer.echo(f"{name}: logged in; this connection now serves every Towline command")


@app.command(epilog="Example: towline cluster remove onprem")
@also_on_server("cluster.remove")
def remove(name: ClusterName, json: JsonOption = False) -> None:
    """Forget a cluster: its definition, its facts and its connection. Nothing there is touched."""
    store = ClusterStore()
    if name not in store.names():
        store.load(name)  # raises, with the names that there are
    path = store.path(name)
    try:
        definition = store.load(name)
    except DefinitionError:
        definition = None  # a broken file can be removed, too
    memory = ClusterMemory(name)
    if definition is not None and definition.elastic and memory.controller() is not None:
        raise DefinitionError(
            f"cluster {name}",
            "is on: nobody would switch it off any more",
            f"towline cluster off {name}",
        )
    store.remove(name)
    forget_facts(name)
    closed = definition is not None and _close_connection(definition)
    memory.forget()
    if json:
        output.print_json({"name": name, "file": str(path), "connection_closed": closed})
    else:
        tail = " and closed its connection" if closed else ""
        typer.echo(f"{name}: removed {path}{tail}")


def _close_connection(definition: ClusterDefinition) -> bool:
    if definition.here:
        return False
    from towline.ssh import Connection

    if definition.host is None and ClusterMemory(definition.name).controller() is None:
        return False
    connection = Connection(definition.destination())
    if not connection.is_open():
        return False
    connection.close()
    return True


add_import_command(app)
