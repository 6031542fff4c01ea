"""``towline cluster on`` and ``off`` on a server."""

from __future__ import annotations

from typing import Any

import typer

from towline.cli import _output as output
from towline.cli._cluster_power import facts_line
from towline.client import Client
from towline.client.models import ClusterInfo


def switch_on(
    client: Client, name: str, wait: bool = True, timeout: float = 1800, json: bool = False
) -> None:
    """Switch a cluster on."""
    switch(client, name, "on", wait, timeout, as_json=json)


def switch_off(
    client: Client, name: str, wait: bool = True, timeout: float = 600, json: bool = False
) -> None:
    """Switch a cluster off."""
    switch(client, name, "off", wait, timeout, as_json=json)


def switch(
    client: Client, name: str, desired: str, wait: bool, timeout: float, *, as_json: bool
) -> None:
    """Ask for a state, wait for it if need be, and show it."""
    cluster = client.clusters[name]
    with output.working(f"{name}: switching {desired}") as show:

        def look(seen: ClusterInfo) -> None:
            show(_words(seen))

        if desired == "on":
            cluster.start()
        else:
            cluster.stop()
        if wait:
            cluster.wait(desired, timeout, look)
    info = cluster.info()
    if as_json:
        facts: dict[str, Any] = {"name": name, "state": info.state, "reason": info.reason}
        output.print_json(facts | {"observation": info.observation})
        return
    typer.echo(_words(info))
    if info.state == "on" and info.observation:
        typer.echo(facts_line(info.observation))


def _words(seen: ClusterInfo) -> str:
    state = seen.state.replace("_", " ")
    return f"{seen.name}: {state}" + (f" ({seen.reason})" if seen.reason else "")
