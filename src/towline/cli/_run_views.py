"""What ``towline run list|show|leftovers`` print."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from towline.cli import _output as output
from towline.runs.catalog import RunSummary
from towline.runs.folder import Asked
from towline.runs.leftovers import Found
from towline.runs.render import (
    block_words,
    clock,
    duration,
    executor_words,
    leftover_words,
    plain,
    short_path,
    status_lines,
    tasks,
)
from towline.runs.tasks import TaskTry
from towline.runs.tasks.words import overview
from towline.runs.view import RunView

LIST_COLUMNS = ("run", "state", "started", "took", "tasks", "clusters", "script")


def list_row(run: RunSummary, now: float) -> list[str]:
    """Return a run's line of the list."""
    seconds = run.seconds if run.seconds is not None else now - run.created
    return [
        str(run.number),
        run.state.value,
        clock(run.created, now),
        duration(seconds),
        run.tasks,
        " ".join(run.clusters),
        run.workflow or Path(run.script).name,
    ]


def summary_json(run: RunSummary) -> dict[str, Any]:
    """Return a run of the list for programs."""
    return {**asdict(run), "state": run.state.value}


def run_json(asked: Asked, view: RunView, where: Mapping[str, str]) -> dict[str, Any]:
    """Return all that is known of a run for programs.

    Args:
        asked: what was asked for.
        view: what came of it.
        where: ``folder`` or ``url`` of the run.

    """
    return {**asdict(asked), **asdict(view), "state": view.state.value, **where}


def print_run(
    asked: Asked, view: RunView, tries: Sequence[TaskTry], where: Mapping[str, str], now: float
) -> None:
    """Print what ran, where, how long each step took, and what came of it."""
    typer.echo(plain(_head(view, now)))
    output.print_table(None, _facts(asked, view, tries, where), empty="")
    steps = [
        [cluster.name, phase.name, _took(phase.seconds, now - phase.since), phase.detail]
        for cluster in view.clusters.values()
        for phase in cluster.phases
    ]
    _section(("cluster", "step", "took", "how"), steps, numbers=("took",))
    executors = [
        [e.label, e.cluster, executor_words(e, now)[0]]
        for e in view.executors.values()
        if not view.state.final
    ]
    _section(("executor", "cluster", "now"), executors)
    blocks = [
        [
            f"{executor.label}/{block.number}",
            executor.cluster,
            block.job_id,
            block.nodes,
            _span(block.submitted, block.started or block.ended or now),
            _span(block.started, block.ended or view.ended or now),
            block_words(block),
        ]
        for executor in view.executors.values()
        for block in executor.blocks.values()
    ]
    columns = ("block", "cluster", "job", "nodes", "queued", "ran", "ended")
    _section(columns, blocks, numbers=("queued", "ran"))
    for text in view.warnings:
        typer.echo(f"\nwarning: {text}")
    if view.error and view.state.value != "succeeded":
        typer.echo(f"\nerror: {view.error.get('thing')}: {view.error.get('cause')}")
        if view.error.get("next"):
            typer.echo(f"  next: {view.error['next']}")


def print_leftovers(found: Sequence[Found]) -> None:
    """Print what the clusters answered, or ``leftovers: none``."""
    rows = [
        [item.cluster, item.kind, item.what, item.detail]
        for answer in found
        for item in answer.leftovers
    ]
    unasked = [answer for answer in found if answer.error is not None]
    asked = [answer.cluster for answer in found if answer.error is None]
    if rows:
        output.print_table(("cluster", "kind", "what", "detail"), rows)
    elif asked or not unasked:
        where = f" (asked: {', '.join(asked)})" if asked else ""
        typer.echo(f"leftovers: none{where}")
    for answer in unasked:
        typer.echo(f"{answer.cluster}: not observed: {answer.error}", err=True)


def leftovers_json(found: Sequence[Found]) -> list[dict[str, Any]]:
    """Return what the clusters answered for programs."""
    return [
        {
            "cluster": answer.cluster,
            "observed": answer.error is None,
            "error": answer.error.as_dict() if answer.error else None,
            "leftovers": [asdict(item) for item in answer.leftovers],
        }
        for answer in found
    ]


def _head(view: RunView, now: float) -> list[tuple[str, str]]:
    if not view.state.final:
        return status_lines(view, now)[0]
    took = f" in {duration(view.seconds)}" if view.seconds is not None else ""
    return [(f"run {view.number}  {view.state.value}{took}", "bold")]


def _facts(
    asked: Asked, view: RunView, tries: Sequence[TaskTry], where: Mapping[str, str]
) -> list[list[str]]:
    rows = [["  script", " ".join([asked.script, *asked.argv])]]
    if asked.command is not None and asked.on is None:
        rows = [["  command", shlex.join(asked.command)]]
    if asked.workflow is not None:
        version = asked.workflow.get("version")
        rows.append(["  workflow", f"{asked.workflow.get('name')}, version {version or '-'}"])
    if asked.title:
        rows.append(["  title", asked.title])
    if view.reason:
        rows.append(["  because", view.reason])
    started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(asked.created))
    rows.append(["  started", f"{started} by {asked.user} on {asked.host}"])
    if asked.executors:
        rows.append(["  executors", asked.executors])
    for label, name in asked.clusters.items():
        rows.append(["  cluster", f"{label} on {name}, as asked"])
    if view.total:
        rows.append(["  tasks", tasks(view.done, view.failed, view.total)])
    if words := overview(tries):
        rows.append(["", f"{words} (towline run tasks {asked.number})"])
    if view.state.final:
        rows += [["  leftovers", words] for words in leftover_words(view)]
    return rows + [[f"  {name}", _short(text)] for name, text in where.items()]


def _short(text: str) -> str:
    return short_path(Path(text)) if text.startswith("/") else text


def _section(
    columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str] = ()
) -> None:
    if rows:
        typer.echo()
        output.print_table(columns, rows, numbers=numbers)


def _took(seconds: float | None, so_far: float) -> str:
    return duration(seconds) if seconds is not None else f"{duration(so_far)}…"


def _span(start: float | None, end: float) -> str:
    return duration(end - start) if start is not None else ""
