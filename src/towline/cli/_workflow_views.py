"""What ``towline workflow list|show`` print."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import typer

from towline.cli import _output as output
from towline.runs.render import clock
from towline.workflows import GroupField, Installed
from towline.workflows.fields import Fields, ListField

LIST_COLUMNS = ("name", "version", "title", "installed", "from")


def list_row(workflow: Installed, now: float) -> list[str]:
    """Return a workflow's line of the list."""
    return [
        workflow.name,
        str(workflow.version),
        workflow.title,
        clock(workflow.installed_at, now),
        str(workflow.source),
    ]


def print_workflow(workflow: Installed, versions: list[Installed]) -> None:
    """Print what a workflow is, what its form asks, and its versions."""
    now = time.time()
    typer.echo(workflow.title)
    if workflow.definition.description:
        typer.echo(f"  {workflow.definition.description}")
    facts = [
        ["  name", f"{workflow.name}, version {workflow.version}" if workflow.version else "-"],
        ["  from", str(workflow.source)],
        ["  runs", " ".join(workflow.definition.run)],
        ["  on", _where(workflow)],
        ["  outputs", " ".join(workflow.definition.outputs)],
        ["  presets", " ".join(workflow.definition.presets)],
        ["  digest", workflow.digest[:16]],
        ["  folder", str(workflow.folder)],
    ]
    output.print_table(None, [row for row in facts if row[1]])
    rows = list(_fields(workflow.definition.inputs, ""))
    if rows:
        typer.echo()
        output.print_table(("input", "type", "default", "about"), rows)
    if len(versions) > 1:
        typer.echo()
        output.print_table(
            ("version", "installed", "from"),
            [[str(v.version), clock(v.installed_at, now), str(v.source)] for v in versions],
        )


def workflow_json(workflow: Installed) -> dict[str, Any]:
    """Return a workflow for programs."""
    return {**workflow.as_dict(), "folder": str(workflow.folder)}


def _where(workflow: Installed) -> str:
    on = workflow.definition.on
    if on is None:
        return "this machine"
    cluster = on.get("cluster", on.get("POOL", "a cluster"))
    name = f"the cluster of '{cluster['input']}'" if isinstance(cluster, dict) else str(cluster)
    return f"{name}, as one batch job"


def _fields(fields: Fields, before: str) -> Iterator[list[str]]:
    for name, field in fields.items():
        kind = str(getattr(field, "type", "string"))
        if isinstance(field, GroupField):
            yield from _fields(field.inputs, f"{before}{name}.")
            continue
        default = "" if field.default is None else str(field.default)
        if kind == "boolean":
            default = default.lower()
        if field.needed and not isinstance(field, ListField) and kind != "multi-choice":
            default = "(needed)"
        if options := getattr(field, "options", ()):
            kind = f"{kind}: {', '.join(str(option.value) for option in options)}"
        yield [f"{before}{name}", kind, default, field.help or field.label]
