"""The tasks of a run: which ran where, when, how long, how often; and a picture of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import anyio.to_thread
from fastapi import Query
from pydantic import BaseModel
from starlette.responses import Response

from towline.runs.folder import RunFolder
from towline.runs.tasks import TaskTry, TryState, timeline, timeline_svg
from towline.runs.tasks.table import SortBy, Spread, arrange, choose, summarise
from towline.runs.tasks.timeline import By
from towline.runs.view import fold
from towline.server.access.actions import Action
from towline.server.access.rules import Rule
from towline.server.api._runs import find, folder_of
from towline.server.api.run_models import RunNumber, RunTask
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.downloads import SANDBOX
from towline.server.index import IndexedRun, iso
from towline.server.paging import Cursor, Limit, Page, make_cursor, read_cursor
from towline.server.routing import Router

router = Router(prefix="/runs/{number}", tags=["runs"])

SVG_ROWS = 80

Apps = Annotated[list[str], Query(description="Only tasks of these apps.")]
States = Annotated[list[TryState], Query(description="Only tries in these states.")]
Clusters = Annotated[list[str], Query(description="Only tries on these clusters.")]


class SpreadModel(BaseModel):
    """Median and 95th percentile, in seconds."""

    median: float
    p95: float


class TaskSummary(BaseModel):
    """The tries of one app on one cluster."""

    app: str
    cluster: str
    tasks: int
    done: int
    failed: int
    lost: int
    unfinished: int
    again: int
    queued_seconds: SpreadModel | None
    ran_seconds: SpreadModel | None
    cpu_seconds: float | None
    memory_bytes: int | None


@router.get("/tasks", rule=Rule(Action.RUN_READ, of="run"))
async def list_tasks(
    number: RunNumber,
    services: ServicesDep,
    caller: CallerDep,
    app: Apps = [],  # noqa: B006 - FastAPI's way; never changed
    state: States = [],  # noqa: B006
    cluster: Clusters = [],  # noqa: B006
    sort: Annotated[
        SortBy, Query(description="Order; measures with the largest first.")
    ] = SortBy.LAUNCHED,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[RunTask]:
    """List the tries of a run's tasks, in the order of their launch or by a measure."""
    run = await find(number, services, caller)
    start = 0 if cursor is None else read_cursor(cursor, int)[0]
    tries = await services.runs.tasks.tries(folder_of(run, services).tasks, over=run.final)
    chosen = arrange(choose(tries, app, state, cluster), sort)
    page = chosen[max(0, start) :][:limit]
    behind = max(0, start) + len(page)
    more = make_cursor(behind) if behind < len(chosen) else None
    return Page[RunTask](items=[_task(each) for each in page], next_cursor=more)


@router.get("/tasks/summary", rule=Rule(Action.RUN_READ, of="run"))
async def sum_up_tasks(
    number: RunNumber, services: ServicesDep, caller: CallerDep
) -> list[TaskSummary]:
    """Sum up the tries of a run's tasks: a line for each app on each cluster."""
    run = await find(number, services, caller)
    tries = await services.runs.tasks.tries(folder_of(run, services).tasks, over=run.final)
    return [
        TaskSummary(
            app=each.app,
            cluster=each.cluster,
            tasks=each.tasks,
            done=each.done,
            failed=each.failed,
            lost=each.lost,
            unfinished=each.unfinished,
            again=each.again,
            queued_seconds=_spread(each.queued),
            ran_seconds=_spread(each.ran),
            cpu_seconds=each.cpu,
            memory_bytes=each.memory,
        )
        for each in await anyio.to_thread.run_sync(summarise, tries)
    ]


_SVG: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The picture.",
        "content": {"image/svg+xml": {"schema": {"type": "string"}}},
    }
}


@router.get(
    "/timeline", rule=Rule(Action.RUN_READ, of="run"), responses=_SVG, response_class=Response
)
async def draw_timeline(
    number: RunNumber,
    services: ServicesDep,
    caller: CallerDep,
    by: Annotated[By, Query(description="What a row stands for; auto: the finest that fits.")] = (
        By.AUTO
    ),
) -> Response:
    """Draw which worker did what when, with the time that blocks were queued."""
    run = await find(number, services, caller)
    folder = folder_of(run, services)
    tries = await services.runs.tasks.tries(folder.tasks, over=run.final)
    svg = await anyio.to_thread.run_sync(_draw, run, folder, tries, by)
    headers = {"Content-Security-Policy": f"{SANDBOX}; style-src 'unsafe-inline'"}
    return Response(svg, media_type="image/svg+xml", headers=headers)


def _draw(run: IndexedRun, folder: RunFolder, tries: list[TaskTry], by: By) -> str:
    view = fold(folder.events.read())
    title = f"Run {run.number}: {run.title or Path(run.script).name} ({run.state.value})"
    return timeline_svg(timeline(tries, view, time.time(), by, SVG_ROWS), title)


def _spread(spread: Spread | None) -> SpreadModel | None:
    return None if spread is None else SpreadModel(median=spread.median, p95=spread.p95)


def _task(each: TaskTry) -> RunTask:
    return RunTask.model_validate(
        {
            "task": each.task,
            "number": each.number,
            "app": each.app,
            "executor": each.executor,
            "cluster": each.cluster,
            "state": each.state,
            "called": iso(each.called),
            "launched": iso(each.launched),
            "started": iso(each.start),
            "ended": iso(each.end),
            "waited_seconds": each.waited,
            "queued_seconds": each.queued,
            "ran_seconds": each.seconds,
            "cpu_seconds": each.cpu,
            "memory_bytes": each.memory,
            "host": each.host,
            "block": each.block,
            "worker": each.worker,
            "pid": each.pid,
            "error": each.error,
            "text": each.text,
        }
    )
