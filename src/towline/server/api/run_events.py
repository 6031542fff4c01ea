"""What happened in a run: a page of events, and the stream of those that come."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated, Any

import anyio.to_thread
from fastapi import Query, Request
from starlette.responses import Response

from towline.runs import Event, EventLog
from towline.server.access.actions import Action
from towline.server.access.rules import Rule
from towline.server.api._runs import find, folder_of
from towline.server.api.run_models import RunEvent, RunNumber
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.index import FileWatch, RunIndex, iso
from towline.server.paging import Cursor, Limit, Page, make_cursor, read_cursor
from towline.server.problems import problems
from towline.server.routing import Router
from towline.server.streams import STREAM, EventStream, event, last_event_id, sse

router = Router(prefix="/runs/{number}/events", tags=["runs"])

BATCH = 200


@router.get("", rule=Rule(Action.RUN_READ, of="run"))
async def list_events(
    number: RunNumber,
    services: ServicesDep,
    caller: CallerDep,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[RunEvent]:
    """List a run's events, in the order in which they were written."""
    run = await find(number, services, caller)
    start = max(0, read_cursor(cursor, int)[0]) if cursor else 0
    log = folder_of(run, services).events
    found = await anyio.to_thread.run_sync(_some, log, start, limit + 1)
    more = make_cursor(found[limit - 1].end) if len(found) > limit else None
    items = [RunEvent.model_validate(_shown(each)) for each in found[:limit]]
    return Page[RunEvent](items=items, next_cursor=more)


@router.get(
    "/stream",
    rule=Rule(Action.RUN_READ, of="run"),
    responses={**STREAM, **problems(422)},
    response_class=EventStream,
)
async def follow_events(
    request: Request,
    number: RunNumber,
    services: ServicesDep,
    caller: CallerDep,
    after: Annotated[int, Query(ge=0, le=2**53, description="The id of the last one seen.")] = 0,
) -> Response:
    """Send a run's events as they come, until it has ended.

    Events: `event` with `{"id", "time", "event", "facts"}`; at the end `end` with `{"state"}`.
    """
    run = await find(number, services, caller)
    if (came_from := last_event_id(request)) and came_from.isdecimal() and len(came_from) < 17:
        after = int(came_from)
    runs = services.runs
    return sse(request, _events(runs.index, runs.files, number, folder_of(run, services), after))


async def _events(
    index: RunIndex, files: FileWatch, number: int, folder: Any, offset: int
) -> AsyncGenerator[bytes, None]:
    log: EventLog = folder.events
    with files.watching(log.path) as file:
        while True:
            changed = file.mark()
            run = index.get(number)
            over = run is None or run.final
            for each in (found := await anyio.to_thread.run_sync(_some, log, offset, BATCH)):
                offset = each.end
                yield event("event", _shown(each), offset)
            if len(found) == BATCH:
                continue
            if over:
                state = run.state.value if run else "deleted"
                yield event("end", {"state": state}, offset)
                return
            await changed.wait()


def _some(log: EventLog, start: int, limit: int) -> list[Event]:
    found = []
    for each in log.read(start):
        found.append(each)
        if len(found) == limit:
            break
    return found


def _shown(each: Event) -> dict[str, Any]:
    return {"id": each.end, "time": iso(each.time), "event": each.name, "facts": each.facts}
