"""``towline env lock``, ``diff`` and ``rebuild``: what is pinned, what is there, and anew."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from towline.cli import _output as output
from towline.cli._env_plans import Wanted, difference_rows, lock_json, wanted_of
from towline.cli._output import JsonOption
from towline.cli._server import made_here

if TYPE_CHECKING:
    from towline.environments.differences import Difference

LOCK_EXAMPLE = "Example: towline env lock executors.json simulate --relock"
DIFF_EXAMPLE = (
    "Examples: towline env diff executors.json simulate; towline env diff executors.json simulate "
    "--with train. Exit code 1: they differ."
)
REBUILD_EXAMPLE = "Example: towline env rebuild executors.json simulate --relock"

Executors = Annotated[
    Path,
    typer.Argument(
        metavar="EXECUTORS", help="Executor definitions, JSON or YAML.", show_default=False
    ),
]
Labels = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="LABEL",
        help="Executors, or WORKSPACE; all when left out.",
        show_default=False,
    ),
]


@made_here
def lock(
    executors: Executors,
    label: Labels = None,
    relock: Annotated[
        bool, typer.Option("--relock", help="Resolve anew, to what is newest and fits.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show the exact packages of each environment; they are locked when they are not yet."""
    shown = []
    for wanted in wanted_of(executors, label or []):
        with output.working(f"locking {wanted.label} for {wanted.cluster}"):
            plan = wanted.plan(relock=relock)
        if plan.lock is None and not label:
            if not json:
                typer.echo(f"{_title(wanted)}: used as it is there, nothing is locked")
            continue
        found = wanted.lock(plan)
        shown.append(lock_json(wanted, found))
        if not json:
            made = found.made.astimezone().strftime("%Y-%m-%d %H:%M")
            typer.echo(f"{_title(wanted)}: {found.kind}, {found.request_id}, locked {made}")
            for line in found.lines:
                typer.echo(f"  {line}")
    if json:
        output.print_json(shown)


@made_here
def diff(
    executors: Executors,
    label: Labels = None,
    with_: Annotated[
        str | None,
        typer.Option(
            "--with", metavar="LABEL|LOCK", help="Compare locks: with another label's, or by id."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Compare locks with what is really on the clusters, or with another lock."""
    results = []
    for wanted in wanted_of(executors, label or []):
        with output.working(f"comparing {wanted.label} on {wanted.cluster}"):
            title, found = _differences(wanted, with_, executors, named=bool(label))
        if title is None:
            if not json:
                typer.echo(f"{_title(wanted)}: used as it is there, nothing is locked")
            continue
        facts = [asdict(each) for each in found]
        results.append({"label": wanted.label, "cluster": wanted.cluster, "differences": facts})
        if not json:
            columns = ("package", "locked", title, "changed by hand")
            rows = difference_rows(found)
            output.print_step(
                "warn" if found else "ok",
                wanted.label,
                f"{len(found)} packages differ" if found else f"as locked: {title}",
                next_step=""
                if with_ or not found
                else f"towline env rebuild {executors} {wanted.label}",
            )
            output.print_table(columns, rows)
    if json:
        output.print_json(results)
    if any(result["differences"] for result in results):
        raise typer.Exit(1)


@made_here
def rebuild(
    executors: Executors,
    label: Labels = None,
    relock: Annotated[
        bool, typer.Option("--relock", help="Resolve anew before it is built.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Even while a run uses it; its workers will fail.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Build and bring environments anew: after a hand edit, or when one is broken."""
    from towline.environments.rebuild import rebuild as build_anew

    done = []
    for wanted in wanted_of(executors, label or []):
        if wanted.request.kind == "existing" and not label:
            continue
        started = time.monotonic()
        with output.working(f"rebuilding {wanted.label} on {wanted.cluster}") as tell:
            if relock:
                wanted.plan(relock=True)
            environment = build_anew(
                wanted.request,
                wanted.connection,
                wanted.facts,
                cluster=wanted.cluster,
                force=force,
                report=lambda event, **what: tell(f"{event}: {what.get('state')}"),
            )
        seconds = time.monotonic() - started
        done.append(
            {"label": wanted.label, "cluster": wanted.cluster, "key": environment.key}
            | {"seconds": round(seconds, 3)}
        )
        if not json:
            output.print_step("ok", wanted.label, f"{environment.key}, rebuilt", seconds=seconds)
    if json:
        output.print_json(done)


def _differences(
    wanted: Wanted, other: str | None, executors: Path, *, named: bool
) -> tuple[str | None, list[Difference]]:
    """Return what the second side is called, and how it differs; None: nothing to compare."""
    from towline.environments.differences import between_locks, contents_of, from_lock
    from towline.environments.locks import LockStore

    plan = wanted.plan()
    if plan.lock is None and not named:
        return None, []
    ours = wanted.lock(plan)
    if other is None:
        contents = contents_of(
            plan, wanted.request, wanted.connection, wanted.facts, wanted.cluster
        )
        return f"on {wanted.cluster}", from_lock(ours, contents)
    theirs = None
    with suppress(ValueError):  # what reads like no id is a label
        theirs = LockStore().load(other)
    if theirs is None:
        second = next(wanted_of(executors, [other]))
        theirs = second.lock(second.plan())
    return other, between_locks(ours, theirs)


def _title(wanted: Wanted) -> str:
    return f"{wanted.label} on {wanted.cluster}"
