"""``towline cluster on`` and ``off``: through the server that runs here, or without one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from towline.cli import _output as output
from towline.cli._output import JsonOption
from towline.cli._server import also_on_server, client, here_is_meant

if TYPE_CHECKING:
    from towline.clusters import Observation, PowerState
    from towline.ssh import Connection

ON_EPILOG = (
    "Exit code: 0 when it is on, else that of the error: 3 reach, 4 site. Ctrl-C only ends the "
    "waiting; the same command goes on with it. Example: towline cluster on onprem"
)
OFF_EPILOG = "Refused while runs use the cluster. Example: towline cluster off onprem"

Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait until it is so, or return after one step.")
]
Timeout = Annotated[float, typer.Option(min=1, help="Seconds to wait at most.")]


def add_power_commands(app: typer.Typer, name_argument: Any) -> None:
    """Add both commands to ``towline cluster``."""

    def on(name: str, wait: Wait = True, timeout: Timeout = 1800, json: JsonOption = False) -> None:
        """Switch a cluster on: connect and check it, and boot it when it has to be booted."""
        _switch(name, "on", wait, timeout, as_json=json)

    def off(name: str, wait: Wait = True, timeout: Timeout = 600, json: JsonOption = False) -> None:
        """Switch a cluster off: disconnect, and give its machines back when it can be switched."""
        _switch(name, "off", wait, timeout, as_json=json)

    for command, epilog in ((on, ON_EPILOG), (off, OFF_EPILOG)):
        command.__annotations__["name"] = name_argument
        twin = also_on_server(f"cluster_power.switch_{command.__name__}")
        app.command(command.__name__, epilog=epilog)(twin(command))


def _switch(name: str, desired: str, wait: bool, timeout: float, *, as_json: bool) -> None:
    if not here_is_meant() and _own_server_runs():
        # It looks after this cluster: two who switch it would not agree.
        from towline.cli.on_server.cluster_power import switch as ask_server

        with client() as server:
            ask_server(server, name, desired, wait, timeout, as_json=as_json)
        return
    _switch_here(name, desired, wait, timeout, as_json=as_json)


def _own_server_runs() -> bool:
    from towline.server.process.record import running_server
    from towline.server.settings import server_folder

    return running_server(server_folder()) is not None


def _switch_here(name: str, desired: str, wait: bool, timeout: float, *, as_json: bool) -> None:
    from towline.clusters import CheckStep, ClusterMemory, ClusterStore, Desired
    from towline.clusters.switching import judge, switch
    from towline.clusters.types import Power
    from towline.runs.using import runs_using

    definition = ClusterStore().load(name)
    wanted = Desired(desired)
    runs = runs_using(name) if wanted is Desired.OFF else []

    def log_in(connection: Connection) -> None:
        if not as_json and sys.stdin.isatty():
            connection.login()

    with output.working(f"{name}: switching {desired}") as show:

        def tell(state: PowerState, reason: str) -> None:
            words = f"{name}: {state.value.replace('_', ' ')}" + (f" ({reason})" if reason else "")
            show(words)
            if not as_json and not output.on_terminal(sys.stderr):
                typer.echo(words, err=True)

        def checked(step: CheckStep) -> None:
            show(f"{name}: checked {step.name}")

        power = Power(
            definition=definition,
            memory=ClusterMemory(name),
            in_use=tuple(f"run {number}" for number in runs),
            asked_now=True,
            log_in=log_in,
            checked=checked,
        )
        seen = switch(power, wanted, wait=wait, seconds=timeout, tell=tell)
    state, reason = judge(wanted, seen)
    print_power(name, state.value, reason, seen.observation, as_json=as_json)


def print_power(
    name: str, state: str, reason: str, observation: Observation | None, *, as_json: bool
) -> None:
    """Print where a cluster stands now."""
    if as_json:
        seen = None if observation is None else observation.model_dump(mode="json")
        output.print_json({"name": name, "state": state, "reason": reason, "observation": seen})
        return
    typer.echo(f"{name}: {state.replace('_', ' ')}" + (f" ({reason})" if reason else ""))
    if observation is not None and state == "on":
        typer.echo(facts_line(observation.model_dump()))


def facts_line(observation: Mapping[str, Any]) -> str:
    """Return what was seen of a cluster that is on, in a line: controller, scheduler, nodes."""
    nodes = observation.get("nodes_by_state") or {}
    words = ", ".join(f"{count} {kind}" for kind, count in nodes.items())
    facts = [observation.get("controller"), observation.get("scheduler")]
    return "; ".join(str(fact) for fact in [*facts, f"nodes: {words}" if words else ""] if fact)
