"""What ``towline cluster`` shows: definitions, facts and the doctor's verdict as text."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import typer

from towline.cli import _output as output
from towline.clusters import (
    WITH_TEST_JOB,
    CheckStep,
    ClusterDefinition,
    ClusterFacts,
    Partition,
    Status,
)
from towline.errors import DefinitionError

LIST_COLUMNS = ("name", "type", "host", "partitions", "seen", "description")


def list_row(definition: ClusterDefinition, facts: ClusterFacts | None) -> dict[str, Any]:
    """Return a cluster's line of the list."""
    shown = facts.partitions if facts else ()
    names = definition.partitions or [part.name for part in shown]
    return {
        "name": definition.name,
        "type": definition.type,
        "host": definition.host or "this machine",
        "partitions": " ".join(names),
        "seen": ago(facts.observed_at) if facts else "never",
        "description": definition.description,
    }


def broken_row(name: str, error: DefinitionError) -> dict[str, Any]:
    """Return the line of a cluster whose file is wrong."""
    row: dict[str, Any] = dict.fromkeys(LIST_COLUMNS, "")
    return row | {"name": name, "type": "broken", "error": str(error)}


def as_json(
    path: Path, definition: ClusterDefinition, facts: ClusterFacts | None
) -> dict[str, Any]:
    """Return all that is known of a cluster."""
    return {
        "file": str(path),
        "definition": definition.model_dump(),
        "facts": facts.model_dump() if facts else None,
    }


def print_definition(path: Path, definition: ClusterDefinition) -> None:
    """Print the keys that the user has set."""
    values = definition.model_dump(exclude_defaults=True, exclude={"name", "type"})
    print_pairs({"cluster": definition.name, "file": path, "type": definition.type, **values})


def print_facts(facts: ClusterFacts) -> None:
    """Print what was observed, the partitions as a table."""
    scheduler = (
        f"{facts.scheduler} {facts.scheduler_version}".strip() if facts.scheduler else "none"
    )
    accounting = "yes" if facts.accounting else "no"
    pairs: dict[str, object] = {
        "observed": ago(facts.observed_at),
        "controller": f"{facts.hostname}, {facts.user} (uid {facts.uid}), {facts.shell}",
        "system": f"{facts.system} {facts.kernel} {facts.arch}, glibc {facts.glibc or 'none'}",
        "folder": f"{facts.root} ({facts.fs_type}), {facts.free_mb / 1024:.1f} GiB free",
        "pythons": [f"{version} {path}" for version, path in facts.pythons.items()],
        "scheduler": scheduler + (f", accounting: {accounting}" if facts.scheduler else ""),
        "addresses": " ".join(facts.addresses),
        "for nodes": f"{facts.node_address}: {facts.node_address_reason}",
        "commands": " ".join(facts.tools),
        "not observed": [f"{fact}: {why}" for fact, why in facts.unknown.items()],
    }
    print_pairs(pairs)
    if facts.partitions:
        typer.echo("")
        output.print_table(
            ["partition", "state", "walltime", "nodes", "available", "CPUs", "MiB", "resources"],
            [_partition_row(part) for part in facts.partitions],
            numbers=["nodes", "available", "CPUs", "MiB"],
        )


def _partition_row(part: Partition) -> list[object]:
    return [
        part.name + ("*" if part.default else ""),
        part.state,
        walltime(part.max_time_minutes),
        part.nodes,
        part.nodes_available,
        part.cpus_per_node,
        part.mem_mb,
        " ".join(part.gres),
    ]


def print_pairs(pairs: dict[str, object]) -> None:
    """Print names and values under each other; empty values are left out."""
    rows = []
    for name, value in pairs.items():
        items = value if isinstance(value, list) else [value]
        rows += [(name if index == 0 else "", item) for index, item in enumerate(items) if item]
    output.print_table(None, rows)


def walltime(minutes: int | None) -> str:
    """Return a walltime as Slurm writes it: ``unlimited``, ``1:30:00``, ``2-00:00:00``."""
    if minutes is None:
        return "unlimited"
    days, rest = divmod(minutes, 1440)
    clock = f"{rest // 60}:{rest % 60:02}:00"
    return f"{days}-{rest // 60:02}:{rest % 60:02}:00" if days else clock


def ago(then: float) -> str:
    """Return how long ago a Unix time is: ``5 s ago``, ``3 min ago``, ``2 h ago``, ``4 d ago``."""
    seconds = max(0, int(time.time() - then))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def print_check_step(step: CheckStep) -> None:
    """Print a step of a check that was tried."""
    output.print_step(
        step.status.value, step.name, step.detail, seconds=step.seconds, next_step=step.next_step
    )


def print_verdict(definition: ClusterDefinition, steps: list[CheckStep], *, deep: bool) -> None:
    """Print what was not tried, and the check's last line."""
    if skipped := [step.name for step in steps if step.status is Status.SKIPPED]:
        output.print_step("skipped", "not tried", ", ".join(skipped))
    failed = [step.name for step in steps if step.status is Status.FAIL]
    warned = [step for step in steps if step.status is Status.WARN]
    name = definition.name
    if failed:
        typer.echo(f"{name}: not usable ({', '.join(failed)})")
        return
    look = f", {len(warned)} to look at" if warned else ""
    try_more = definition.scheduler in WITH_TEST_JOB and not deep
    more = f"; try a job: towline cluster check {name} --deep" if try_more else ""
    typer.echo(f"{name}: ready{look}{more}")
