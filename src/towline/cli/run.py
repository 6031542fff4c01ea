"""``towline run``: run a script on your clusters; list, show, follow and cancel runs."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from towline.cli import _output as output
from towline.cli import _run_views as views
from towline.cli._output import JsonOption
from towline.cli._run_group import START, RunGroup, StartCommand
from towline.cli._run_tasks import add_task_commands
from towline.cli._server import also_on_server, only_here
from towline.cli._which_run import RUN_HELP, Run, RunOrNewest, complete_run, folder_of
from towline.errors import LeftoversRemain, RunError
from towline.runs.cancel import cancel as ask_to_end
from towline.runs.catalog import block_files, picture, summaries
from towline.runs.checks import check_executors, check_script, find_python, read_overrides
from towline.runs.deleting import delete as delete_folder
from towline.runs.folder import RunFolder
from towline.runs.leftovers import cross_out, ended_runs, search, sites_of
from towline.runs.liveness import final_event
from towline.runs.render import leftover_words
from towline.runs.screen import JsonScreen, PlainScreen, QuietScreen, Screen, TerminalScreen
from towline.runs.spawn import start_detached, start_supervisor
from towline.runs.state import RunState
from towline.runs.tasks import read_tries
from towline.runs.watch import Follower, Watcher, wait_for_end
from towline.runs.workspace import clusters_beside, python_for

HELP = """Run a Parsl script on your clusters; list, watch and stop runs.

A run has a number, a folder and a supervisor of its own: it outlives this terminal.
Ctrl-C cancels it and cleans up; a second Ctrl-C leaves the clean-up to the background."""

EXIT_CODES = """Exit codes: 0 succeeded, 1 the script failed, 2 wrong input, 3 a cluster cannot be \
reached, 4 the site said no, 5 environment, 6 run lost or leftovers, \
8 server away, 9 key refused, 124 took too long, 130 cancelled."""

app = typer.Typer(
    cls=RunGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=HELP,
    epilog=EXIT_CODES,
)


add_task_commands(app)


@app.command(START, cls=StartCommand, hidden=True, epilog=EXIT_CODES)
@only_here(
    "a server runs workflows, not scripts that lie on your machine",
    "make a workflow of it (towline workflow new) and: towline workflow run NAME --server URL; "
    "to run the script here: --server none",
)
def start(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="The script to run.")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- ARGS]...", help="What the script gets as its arguments."),
    ] = None,
    executors: Annotated[
        Path | None,
        typer.Option(help="Executor definitions, in place of those the script names."),
    ] = None,
    cluster: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL=NAME", help="Put an executor on another cluster."),
    ] = None,
    python: Annotated[
        str | None,
        typer.Option(
            help="Interpreter for the script; default: that of WORKSPACE in the executors file, "
            "else Towline's own."
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Start it, print its number and leave.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show the script's output and failures only.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print events and output as JSON lines.")
    ] = False,
) -> None:
    """Run a script on your clusters."""
    interpreter = find_python(python)
    check_script(script, interpreter, list(_verbs()))
    overrides = read_overrides(cluster or [])
    uses = check_executors(executors, overrides) | clusters_beside(script, overrides)
    if python is None:
        with output.working("environment of the workspace"):
            interpreter = python_for(script, executors) or interpreter
    folder = RunFolder.create(
        script,
        arguments or [],
        python=interpreter,
        executors=executors,
        clusters=overrides,
        uses=sorted(uses),
    )
    if detach:
        start_detached(folder)
        print_started(folder, quiet, as_json)
        return
    screen = screen_for(quiet, as_json)
    try:
        code = Watcher(folder, screen, lambda: start_supervisor(folder)).watch()
    except BrokenPipeError:
        raise typer.Exit(141) from None  # as a shell says of a command that SIGPIPE ended
    raise typer.Exit(code)


@app.command("list", epilog="Example: towline run list --state running --state cancelling")
@also_on_server("run.list_runs")
def list_runs(
    state: Annotated[
        list[RunState] | None, typer.Option(help="Only runs in this state; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=0, help="At most; 0: all.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List runs, the newest first."""
    found = summaries(RunFolder.all(), state or (), limit)
    if as_json:
        output.print_json([views.summary_json(run) for run in found])
        return
    now = time.time()
    output.print_table(
        views.LIST_COLUMNS,
        [views.list_row(run, now) for run in found],
        empty="no runs in this state" if state else "no runs yet; start one: towline run SCRIPT",
        numbers=("run", "took"),
    )


@app.command()
@also_on_server("run.show")
def show(run: RunOrNewest = None, as_json: JsonOption = False) -> None:
    """Show what ran, where, how long each step took, and what came of it."""
    folder = folder_of(run)
    view = picture(folder)
    where = {"folder": str(folder.path)}
    if as_json:
        output.print_json(views.run_json(folder.asked, view, where))
    else:
        tries = read_tries(folder.tasks, over=view.state.final)
        views.print_run(folder.asked, view, tries, where, time.time())


@app.command(epilog="Example: towline run logs 12 --block myexecutor_1")
@also_on_server("run.logs")
def logs(
    run: RunOrNewest = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run has ended.")
    ] = False,
    stderr: Annotated[
        bool, typer.Option("--stderr", help="What the script wrote to stderr.")
    ] = False,
    block: Annotated[
        str | None,
        typer.Option(
            help="Output of blocks instead: a part of executor, cluster or job name.",
        ),
    ] = None,
) -> None:
    """Print what the script, or a block, has written."""
    folder = folder_of(run)
    if block is not None:
        _print_block(folder, block)
        return
    path, other = folder.stdout_log, folder.stderr_log
    if stderr:
        path, other = other, path
    written = Follower(folder, path).print(follow=follow)
    if not written and other.exists() and other.stat().st_size:
        flag = "" if stderr else " --stderr"
        typer.echo(f"nothing there; see: towline run logs {folder.number}{flag}", err=True)


@app.command()
@also_on_server("run.cancel")
def cancel(
    run: Run,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until everything is cleaned up.")
    ] = True,
) -> None:
    """Cancel a run and clean up after it."""
    folder = RunFolder.open(run)
    if not ask_to_end(folder):
        state = picture(folder).state.value
        typer.echo(f"run {folder.number} had ended before: {state}")
        return
    if not wait:
        typer.echo(f"run {folder.number} is being cancelled: towline run show {folder.number}")
        return
    with output.working(f"cancelling run {folder.number}: script, then clusters"):
        wait_for_end(folder)
    view = picture(folder)
    left = "; ".join(leftover_words(view))
    typer.echo(f"run {folder.number} {view.state.value}; leftovers: {left}")
    if view.leftovers:
        raise typer.Exit(LeftoversRemain.exit_code)


@app.command(epilog="Example: towline run leftovers --remove")
@only_here(
    "clusters are asked from the machine on which the server runs",
    "towline run show NUMBER says what may remain; on the server: towline run leftovers --remove",
)
def leftovers(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help=f"{RUN_HELP}; all that have ended when left out.",
            autocompletion=complete_run,
            show_default=False,
        ),
    ] = None,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove what is found, and ask again.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Ask the clusters what runs have left there: jobs, processes, folders, agents."""
    folders = [RunFolder.open(run)] if run else ended_runs()
    if remove and any(final_event(folder) is None for folder in folders):
        raise RunError(f"run {run}", "has not ended", f"towline run cancel {run}")
    sites = sites_of(folders)
    with output.working(f"asking {', '.join(site.name for site in sites)}"):
        found = search(sites, [folder.tag for folder in folders], remove=remove)
    cross_out(folders, found)
    if as_json:
        output.print_json(views.leftovers_json(found))
    else:
        views.print_leftovers(found)
    if any(answer.leftovers for answer in found):
        raise typer.Exit(LeftoversRemain.exit_code)
    for answer in found:
        if answer.error is not None:
            raise typer.Exit(answer.error.exit_code)


@app.command()
@also_on_server("run.delete")
def delete(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN...", help="Runs that have ended.", autocompletion=complete_run),
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Even when something may remain on a cluster.")
    ] = False,
) -> None:
    """Delete the folders of runs that have ended."""
    for folder in [RunFolder.open(run) for run in runs]:
        delete_folder(folder, forget_leftovers=force)
        typer.echo(f"run {folder.number} deleted")


def _verbs() -> list[str]:
    return ["list", "show", "logs", "tasks", "timeline", "cancel", "leftovers", "delete"]


def screen_for(quiet: bool, as_json: bool) -> Screen:
    """Return how a run is shown here: for programs, for pipes, or live on a terminal."""
    if as_json:
        return JsonScreen()
    if quiet:
        return QuietScreen()
    if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        return TerminalScreen(sys.stderr, lambda: os.get_terminal_size(2).columns)
    return PlainScreen()


def print_started(folder: RunFolder, quiet: bool, as_json: bool) -> None:
    """Print the number of a run that was started, and how to go on with it."""
    if as_json:
        facts = {"run": folder.number, "tag": folder.tag, "folder": str(folder.path)}
        typer.echo(json.dumps(facts))
    elif quiet:
        typer.echo(folder.number)
    else:
        typer.echo(f"run {folder.number} started")
        typer.echo(f"  follow  towline run logs {folder.number} -f")
        typer.echo(f"  cancel  towline run cancel {folder.number}")


def _print_block(folder: RunFolder, block: str) -> None:
    files = block_files(folder, block)
    if not files:
        known = sorted({str(p.relative_to(folder.blocks)) for p in block_files(folder, "")})
        hint = f"there are: {', '.join(known[:8])}" if known else ""
        raise RunError(f"run {folder.number}", f"has no block output like '{block}'", hint)
    for path in files:
        typer.echo(f"==> {path.relative_to(folder.blocks)} <==")
        with path.open("rb") as file:
            while data := file.read(1 << 20):
                sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
