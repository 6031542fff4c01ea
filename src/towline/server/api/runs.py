"""Runs: list them, look at one, cancel it, delete it."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Annotated

import anyio.to_thread
from fastapi import Query
from starlette.responses import Response

from towline.errors import LeftoversRemain, RunError
from towline.runs import RunFolder, RunState
from towline.runs.cancel import cancel as ask_to_end
from towline.runs.deleting import delete as delete_folder
from towline.server.access.actions import Action
from towline.server.access.rules import Rule
from towline.server.api._run_details import details_of
from towline.server.api._runs import find, folder_of, may_read, ref
from towline.server.api.run_models import Run, RunDetails, RunNumber
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.index import RunFilter, SortRuns, select
from towline.server.paging import Cursor, Limit, Page
from towline.server.problems import problem, problems
from towline.server.routing import Router

router = Router(prefix="/runs", tags=["runs"])

PATIENCE = 10.0  # seconds for a run that is just being started to have a supervisor
_JSON = "application/json"


@router.get(
    "",
    rule=Rule(Action.RUN_READ),
    response_model=Page[Run],
    responses=problems(422),
)
async def list_runs(
    services: ServicesDep,
    caller: CallerDep,
    state: Annotated[list[RunState], Query(description="Only in these states.")] = [],  # noqa: B006
    workflow: Annotated[list[str], Query(description="Only of these workflows.")] = [],  # noqa: B006
    owner: Annotated[list[str], Query(description="Only of these users.")] = [],  # noqa: B006
    cluster: Annotated[str, Query(description="Only with executors on this cluster.")] = "",
    tag: Annotated[str, Query(description="The one with this tag.")] = "",
    text: Annotated[
        str,
        Query(max_length=200, description="In number, title, workflow, script, tag or reason."),
    ] = "",
    since: Annotated[datetime | None, Query(description="Created then or later.")] = None,
    until: Annotated[datetime | None, Query(description="Created before.")] = None,
    sort: Annotated[
        SortRuns, Query(description="Order; with a minus: the largest first.")
    ] = SortRuns.NEWEST,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """List runs, the newest first; those of the command line and of notebooks too."""
    wanted = RunFilter(
        states=frozenset(state),
        workflows=frozenset(workflow),
        owners=frozenset(owner),
        cluster=cluster,
        tag=tag,
        text=text,
        since=_seconds(since),
        until=_seconds(until),
    )
    found, more = select(
        services.runs.index, wanted, may_read(caller), sort=sort, after=cursor, limit=limit
    )
    items = b",".join([run.as_json() for run in found])
    following = b"null" if more is None else b'"' + more.encode() + b'"'
    body = b'{"items":[' + items + b'],"next_cursor":' + following + b"}"
    return Response(body, media_type=_JSON)


@router.get("/{number}", rule=Rule(Action.RUN_READ, of="run"), response_model=Run)
async def read_run(number: RunNumber, services: ServicesDep, caller: CallerDep) -> Response:
    """Return a run as lists show it."""
    run = await find(number, services, caller)
    return Response(run.as_json(), media_type=_JSON)


@router.get("/{number}/details", rule=Rule(Action.RUN_READ, of="run"))
async def read_details(number: RunNumber, services: ServicesDep, caller: CallerDep) -> RunDetails:
    """Return a run in full: inputs, what happens on each cluster, blocks, warnings, leftovers."""
    run = await find(number, services, caller)
    return await anyio.to_thread.run_sync(details_of, run, folder_of(run, services))


@router.post(
    "/{number}/cancel",
    rule=Rule(Action.RUN_CANCEL, of="run"),
    status_code=202,
    response_model=Run,
    responses=problems(409),
)
async def cancel_run(number: RunNumber, services: ServicesDep, caller: CallerDep) -> Response:
    """Ask for a run's end, and for its clusters to be cleaned; may be repeated.

    The answer shows the run as it is now: it has ended when `final` is true. A run that was over
    before stays as it is.
    """
    run = await find(number, services, caller, Action.RUN_CANCEL)
    if not run.final:
        asked = await anyio.to_thread.run_sync(_ask_to_end, folder_of(run, services))
        if asked:
            await services.audit.record(caller, Action.RUN_CANCEL.value, ref(run))
        run = await services.runs.index.notice(number) or run
    return Response(run.as_json(), 202, media_type=_JSON)


@router.delete(
    "/{number}",
    rule=Rule(Action.RUN_DELETE, of="run"),
    status_code=204,
    responses=problems(409),
)
async def delete_run(
    number: RunNumber,
    services: ServicesDep,
    caller: CallerDep,
    forget_leftovers: Annotated[
        bool, Query(description="Even when something may remain on a cluster.")
    ] = False,
) -> None:
    """Delete the folder of a run that has ended: its logs, events, files and ledger."""
    run = await find(number, services, caller, Action.RUN_DELETE)
    if not run.final:
        raise problem(
            409,
            "run-not-ended",
            thing=f"run {number}",
            cause=f"it has not ended: {run.state.value}",
            next_step=f"towline run cancel {number}",
        )
    await anyio.to_thread.run_sync(_delete, folder_of(run, services), forget_leftovers)
    await services.runs.index.forget(number)
    before = {"tag": run.tag, "state": run.state.value, "title": run.title}
    await services.audit.record(caller, Action.RUN_DELETE.value, ref(run), before=before)


def _ask_to_end(folder: RunFolder) -> bool:
    """Ask a run to end; wait until one that is just being started can be asked.

    Raises:
        RunError: when its supervisor cannot be reached from here.

    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask_to_end(folder)
        except RunError:
            if folder.keeper() is not None or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def _delete(folder: RunFolder, forget_leftovers: bool) -> None:
    try:
        delete_folder(folder, forget_leftovers=forget_leftovers)
    except LeftoversRemain as error:
        entries = folder.ledger.open_entries()
        raise problem(
            409,
            "leftovers-remain",
            thing=error.thing,
            cause=error.cause,
            next_step=error.next_step,
            fields=[(entry.cluster, f"{entry.kind} {entry.id}") for entry in entries],
        ) from error


def _seconds(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    try:
        return moment.timestamp()
    except (OverflowError, ValueError):  # the year 1 or 9999
        return 0.0 if moment.year < 1971 else 1e15
