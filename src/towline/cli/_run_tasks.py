"""``towline run tasks`` and ``timeline``: which task ran where, when, how long, how often."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from towline.cli import _output as output
from towline.cli import _task_views as views
from towline.cli._output import JsonOption
from towline.cli._server import also_on_server
from towline.cli._which_run import RunOrNewest, folder_of
from towline.errors import RunError
from towline.runs.catalog import picture
from towline.runs.folder import RunFolder
from towline.runs.tasks import TaskTry, TryState, read_tries
from towline.runs.tasks.table import SortBy, arrange, choose, summarise
from towline.runs.tasks.timeline import By, timeline
from towline.runs.tasks.timeline_svg import timeline_svg
from towline.runs.tasks.timeline_text import timeline_lines
from towline.runs.view import RunView

TABLE_LIMIT = 50
"""Tries in a table when nothing else is asked for; JSON and CSV have all."""

TEXT_ROWS, SVG_ROWS = 40, 80
"""Rows that a timeline may have before workers are drawn together."""

TASKS_EPILOG = (
    "Examples: towline run tasks 12 --state failed;  towline run tasks 12 --sort memory -n 10;  "
    "towline run tasks 12 --summary"
)
TIMELINE_EPILOG = "Examples: towline run timeline 12;  towline run timeline 12 --svg run12.svg"


def add_task_commands(app: typer.Typer) -> None:
    """Add both commands to ``towline run``."""
    app.command("tasks", epilog=TASKS_EPILOG)(also_on_server("run.tasks")(tasks))
    drawing = also_on_server("run.draw_timeline")(draw_timeline)
    app.command("timeline", epilog=TIMELINE_EPILOG)(drawing)


def tasks(
    run: RunOrNewest = None,
    app: Annotated[
        list[str] | None, typer.Option(help="Only tasks of this app; may be repeated.")
    ] = None,
    state: Annotated[
        list[TryState] | None, typer.Option(help="Only tries in this state; may be repeated.")
    ] = None,
    cluster: Annotated[
        list[str] | None, typer.Option(help="Only tries on this cluster; may be repeated.")
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="A line for each app on each cluster instead.")
    ] = False,
    sort: Annotated[
        SortBy, typer.Option(help="Order; measures with the largest first.")
    ] = SortBy.LAUNCHED,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", "-n", min=0, help="Tries at most; 0: all. A table has 50 when left out."
        ),
    ] = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for spreadsheets.")] = False,
) -> None:
    """List the tries of tasks: where each ran, how long it queued and ran, what it used."""
    folder = folder_of(run)
    _, found = _read(folder)
    show_tasks(
        found,
        _none(folder, found),
        app=app,
        state=state,
        cluster=cluster,
        summary=summary,
        sort=sort,
        limit=limit,
        as_json=as_json,
        as_csv=as_csv,
    )


def show_tasks(
    found: list[TaskTry],
    none: str,
    *,
    app: list[str] | None,
    state: list[TryState] | None,
    cluster: list[str] | None,
    summary: bool,
    sort: SortBy,
    limit: int | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Print tries as ``towline run tasks`` was asked to; when there are none, the words `none`."""
    chosen = choose(found, app or (), state or (), cluster or ())
    if summary:
        rows = summarise(chosen)
        if as_json:
            output.print_json(views.summaries_json(rows))
        elif as_csv:
            views.print_csv(views.summaries_json(rows))
        else:
            views.print_summary(rows, none)
        return
    table = not (as_json or as_csv)
    shown = arrange(chosen, sort, TABLE_LIMIT if limit is None and table else limit or 0)
    if as_json:
        output.print_json([views.record(each) for each in shown])
    elif as_csv:
        views.print_csv([views.record(each) for each in shown])
    else:
        views.print_tries(shown, chosen, none)


def draw_timeline(
    run: RunOrNewest = None,
    svg: Annotated[
        Path | None, typer.Option(help="Write an SVG picture to this file; -: to stdout.")
    ] = None,
    by: Annotated[By, typer.Option(help="What a row stands for; auto: the finest that fits.")] = (
        By.AUTO
    ),
    width: Annotated[
        int | None, typer.Option(min=40, max=1000, help="Columns; default: the terminal's.")
    ] = None,
) -> None:
    """Draw which worker did what when, with the time that blocks were queued."""
    folder = folder_of(run)
    view, found = _read(folder)
    show_timeline(folder.number, view, found, svg=svg, by=by, width=width)


def show_timeline(
    number: int,
    view: RunView,
    found: list[TaskTry],
    *,
    svg: Path | None,
    by: By,
    width: int | None,
) -> None:
    """Draw tries as ``towline run timeline`` was asked to."""
    now = time.time()
    if svg is not None:
        title = f"Run {number}: {Path(view.script).name} ({view.state.value})"
        text = timeline_svg(timeline(found, view, now, by, SVG_ROWS), title)
        _write(svg, text)
        return
    drawn = timeline(found, view, now, by, TEXT_ROWS)
    columns = width or int(os.environ.get("COLUMNS") or shutil.get_terminal_size((100, 24)).columns)
    encodable = (sys.stdout.encoding or "ascii").lower().replace("-", "") == "utf8"
    views.print_lines(timeline_lines(drawn, max(columns, 40), ascii_only=not encodable))


def _read(folder: RunFolder) -> tuple[RunView, list[TaskTry]]:
    view = picture(folder)
    return view, read_tries(folder.tasks, over=view.state.final)


def _none(folder: RunFolder, found: list[TaskTry]) -> str:
    """Return why there is nothing to show."""
    return none_words(folder.number, found, recorded=folder.tasks.is_dir())


def none_words(number: int, found: list[TaskTry], *, recorded: bool) -> str:
    """Return why there is nothing to show; `recorded`: the run has task records at all."""
    if found:
        apps = ", ".join(sorted({each.app for each in found})[:12])
        clusters = ", ".join(sorted({each.cluster for each in found if each.cluster})[:12])
        return f"no such tries; the run has apps {apps} on {clusters or 'no known cluster'}"
    if recorded:
        return f"run {number} has launched no task"
    return f"run {number} has no task records: no app was called, or task_records=False"


def _write(path: Path, text: str) -> None:
    if str(path) == "-":
        typer.echo(text, nl=False)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(str(path), f"cannot be written: {error.strerror}") from error
    typer.echo(f"{path} written", err=True)
