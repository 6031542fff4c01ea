"""``towline cluster`` on a server."""

from __future__ import annotations

from typing import Any

import typer

from towline import errors
from towline.cli import _cluster_views as views
from towline.cli import _output as output
from towline.cli._cluster_views import ago
from towline.client import Client, ClusterInfo
from towline.client.models import CheckStepInfo
from towline.clusters import CheckStep, Status


def list_clusters(client: Client, json: bool = False) -> None:
    """List the clusters, with what was last seen of them."""
    rows = [_row(each) for each in client.clusters.all()]
    if json:
        output.print_json(rows)
        return
    output.print_table(
        views.LIST_COLUMNS,
        [[row[column] for column in views.LIST_COLUMNS] for row in rows],
        empty="No cluster yet. Start with: towline cluster add NAME --host HOST",
    )


def show(client: Client, name: str, refresh: bool = False, json: bool = False) -> None:
    """Show a cluster's definition, and what was last observed of it."""
    cluster = client.clusters[name]
    if refresh:
        with output.working(f"looking at {name}"):
            for _ in cluster.check():
                pass
    info = cluster.info()
    where = f"{client.url}/clusters/{name}"
    if json:
        facts = info.observation
        output.print_json({"file": where, "definition": info.definition, "facts": facts})
        return
    values = {k: v for k, v in (info.definition or {}).items() if k not in ("name", "type")}
    views.print_pairs({"cluster": name, "page": where, "type": info.type, **values})
    typer.echo("")
    views.print_pairs(_seen(info))
    _print_partitions(info)


def check(
    client: Client,
    name: str,
    deep: bool = False,
    partition: str | None = None,
    account: str | None = None,
    json: bool = False,
) -> None:
    """Try each step of the way to a cluster, from the server."""
    steps = _check(client, name, deep, partition, account, json=json)
    code = _exit_code(steps)
    if json:
        found = [_as_json(step) for step in steps]
        output.print_json({"name": name, "usable": code == 0, "steps": found})
    raise typer.Exit(code)


def remove(client: Client, name: str, json: bool = False) -> None:
    """Forget a cluster; nothing there is touched."""
    client.clusters[name].remove()
    if json:
        output.print_json({"name": name, "file": None, "connection_closed": True})
    else:
        typer.echo(f"{name}: removed from {client.url}")


def add(
    client: Client,
    name: str,
    *,
    definition: dict[str, Any],
    try_it: bool = True,
    replace: bool = False,
    json: bool = False,
) -> None:
    """Define a cluster on the server, and check that it can be used from there."""
    whole = {"name": name, **definition}
    if replace and name in [each.name for each in client.clusters.all()]:
        client.clusters[name].redefine(whole)
    else:
        client.clusters.define(whole)
    if not json:
        typer.echo(f"{name}: defined on {client.url}")
    steps = _check(client, name, json=json) if try_it else []
    if json:
        usable = _exit_code(steps) == 0 if try_it else None
        found = [_as_json(step) for step in steps]
        output.print_json({"name": name, "file": None, "usable": usable, "steps": found})
    raise typer.Exit(_exit_code(steps))


def _check(
    client: Client,
    name: str,
    deep: bool = False,
    partition: str | None = None,
    account: str | None = None,
    *,
    json: bool,
) -> list[CheckStepInfo]:
    steps = []
    with output.working(f"{name}: checking from {client.url}"):
        for step in client.clusters[name].check(deep=deep, partition=partition, account=account):
            steps.append(step)
            if not json and step.status != Status.SKIPPED.value:
                views.print_check_step(_local_step(step))
    if not json:
        failed = [step.step for step in steps if step.status == Status.FAIL.value]
        verdict = f"not usable ({', '.join(failed)})" if failed else "ready"
        typer.echo(f"{name}: {verdict}")
    return steps


def _local_step(step: CheckStepInfo) -> CheckStep:
    return CheckStep(step.step, Status(step.status), step.detail, step.seconds, step.next)


def _exit_code(steps: list[CheckStepInfo]) -> int:
    """Return the exit code of the first failed step's error, as the local check does."""
    failed = next((step.error for step in steps if step.error), None)
    kind = getattr(errors, failed, errors.ReachError) if failed else None
    return int(kind.exit_code) if kind else 0


def _as_json(step: CheckStepInfo) -> dict[str, Any]:
    return step.model_dump(include={"step", "status", "detail", "seconds", "next", "error"})


def _row(info: ClusterInfo) -> dict[str, Any]:
    seen = (info.observation or {}).get("partitions") or []
    definition = info.definition or {}
    named = definition.get("partitions") or [part.get("name", "") for part in seen]
    return {
        "name": info.name,
        "type": info.type or "broken",
        "host": definition.get("host") or "the server's machine",
        "partitions": " ".join(named),
        "seen": ago(info.observed_at.timestamp()) if info.observed_at else "never",
        "description": info.description,
    }


def _seen(info: ClusterInfo) -> dict[str, object]:
    seen = info.observation or {}
    workers = [seen.get("registered_workers"), seen.get("requested_workers")]
    queue, disk = seen.get("queue") or {}, seen.get("disk") or {}
    return {
        "state": f"{info.state}{f': {info.reason}' if info.reason else ''}",
        "next": info.next,
        "asked to be": info.desired,
        "observed": ago(info.observed_at.timestamp()) if info.observed_at else "never",
        "controller": seen.get("controller"),
        "scheduler": seen.get("scheduler"),
        "workers": f"{workers[0]} of {workers[1]} answer" if None not in workers else None,
        "queue": ", ".join(f"{count} {word}" for word, count in queue.items()),
        "folder": f"{disk['path']}, {disk['free_mb'] / 1024:.1f} GiB free" if disk else None,
        "runs": " ".join(str(number) for number in info.runs),
        "not observed": [f"{what}: {why}" for what, why in (seen.get("unknown") or {}).items()],
    }


def _print_partitions(info: ClusterInfo) -> None:
    parts = (info.observation or {}).get("partitions") or []
    rows = [
        [
            part.get("name"),
            part.get("state"),
            views.walltime(part.get("max_time_minutes")),
            part.get("nodes"),
            part.get("nodes_available"),
        ]
        for part in parts
    ]
    if rows:
        typer.echo("")
        columns = ("partition", "state", "walltime", "nodes", "available")
        output.print_table(columns, rows, numbers=("nodes", "available"))
