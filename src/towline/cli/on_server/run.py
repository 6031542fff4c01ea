"""``towline run`` on a server."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import typer

from towline.cli import _output as output
from towline.cli import _run_views as views
from towline.cli._run_tasks import none_words, show_tasks, show_timeline
from towline.cli.on_server._as_local import asked_of, number_of, summary_of, tries_of, view_of
from towline.client import Client
from towline.errors import LeftoversRemain, RunError
from towline.runs.render import leftover_words
from towline.runs.state import RunState
from towline.runs.tasks import TryState
from towline.runs.tasks.table import SortBy
from towline.runs.tasks.timeline import By


def list_runs(
    client: Client, state: list[RunState] | None = None, limit: int = 20, as_json: bool = False
) -> None:
    """List runs, the newest first."""
    found = client.runs.find(limit, state=[each.value for each in state or ()])
    runs = [summary_of(run) for run in found]
    if as_json:
        output.print_json([views.summary_json(run) for run in runs])
        return
    now = time.time()
    output.print_table(
        views.LIST_COLUMNS,
        [views.list_row(run, now) for run in runs],
        empty="no runs in this state" if state else "no runs yet; start one: towline workflow run",
        numbers=("run", "took"),
    )


def show(client: Client, run: str | None = None, as_json: bool = False) -> None:
    """Show what ran, where, how long each step took, and what came of it."""
    one = client.runs[number_of(client, run)]
    info = one.details()
    asked, view = asked_of(info), view_of(info, one.events())
    where = {"page": one.url}
    if as_json:
        output.print_json(views.run_json(asked, view, where))
    else:
        views.print_run(asked, view, tries_of(one.tasks()), where, time.time())


def logs(
    client: Client,
    run: str | None = None,
    follow: bool = False,
    stderr: bool = False,
    block: str | None = None,
) -> None:
    """Print what the script, or a block, has written."""
    one = client.runs[number_of(client, run)]
    if block is not None:
        _print_block(client, int(one.number), block)
        return
    name, other = ("stderr", "stdout") if stderr else ("stdout", "stderr")
    written = False
    for text in one.follow(name) if follow else [one.log(name)]:
        written = written or bool(text)
        sys.stdout.write(text)
        sys.stdout.flush()
    if not written and one.log(other):
        flag = "" if stderr else " --stderr"
        typer.echo(f"nothing there; see: towline run logs {one.number}{flag}", err=True)


def _print_block(client: Client, number: int, block: str) -> None:
    run = client.runs[number]
    known = [each.path.removeprefix("blocks/") for each in run.files("blocks")]
    wanted = sorted(path for path in known if block in path)
    if not wanted:
        hint = f"there are: {', '.join(sorted(known)[:8])}" if known else ""
        raise RunError(f"run {number}", f"has no block output like '{block}'", hint)
    for path in wanted:
        typer.echo(f"==> {path} <==")
        sys.stdout.flush()
        sys.stdout.buffer.write(run.read(f"blocks/{path}"))
        sys.stdout.buffer.flush()


def tasks(
    client: Client,
    run: str | None = None,
    app: list[str] | None = None,
    state: list[TryState] | None = None,
    cluster: list[str] | None = None,
    summary: bool = False,
    sort: SortBy = SortBy.LAUNCHED,
    limit: int | None = None,
    as_json: bool = False,
    as_csv: bool = False,
) -> None:
    """List the tries of tasks."""
    number = number_of(client, run)
    found = tries_of(client.runs[number].tasks())
    show_tasks(
        found,
        none_words(number, found, recorded=True),
        app=app,
        state=state,
        cluster=cluster,
        summary=summary,
        sort=sort,
        limit=limit,
        as_json=as_json,
        as_csv=as_csv,
    )


def draw_timeline(
    client: Client,
    run: str | None = None,
    svg: Path | None = None,
    by: By = By.AUTO,
    width: int | None = None,
) -> None:
    """Draw which worker did what when."""
    one = client.runs[number_of(client, run)]
    view = view_of(one.info(), one.events())
    show_timeline(view.number, view, tries_of(one.tasks()), svg=svg, by=by, width=width)


def cancel(client: Client, run: str, wait: bool = True) -> None:
    """Cancel a run and clean up after it."""
    one = client.runs[number_of(client, run)]
    before = one.info()
    if before.over:
        typer.echo(f"run {one.number} had ended before: {before.state}")
        return
    one.cancel()
    if not wait:
        typer.echo(f"run {one.number} is being cancelled: towline run show {one.number}")
        return
    with output.working(f"cancelling run {one.number}: script, then clusters"):
        after = one.wait()
    view = view_of(after, one.events())
    typer.echo(f"run {one.number} {after.state}; leftovers: {'; '.join(leftover_words(view))}")
    if view.leftovers:
        raise typer.Exit(LeftoversRemain.exit_code)


def delete(client: Client, runs: list[str], force: bool = False) -> None:
    """Delete the folders of runs that have ended."""
    for number in [number_of(client, run) for run in runs]:
        client.runs[number].delete(forget_leftovers=force)
        typer.echo(f"run {number} deleted")
