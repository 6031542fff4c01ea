"""What changes anywhere on the server, for pages that show many things."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from towline.server.access.actions import Action
from towline.server.access.caller import Caller
from towline.server.access.rules import Rule
from towline.server.api._runs import ref
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.index import Change, ChangeHub, IndexedRun
from towline.server.routing import Router
from towline.server.streams import STREAM, EventStream, event, last_event_id, sse

router = Router(prefix="/events", tags=["server"])

_READ = {"cluster": Action.CLUSTER_READ, "workflow": Action.WORKFLOW_READ}


@router.get("", rule=Rule(Action.EVENTS_READ), responses=STREAM, response_class=EventStream)
async def follow_changes(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    kind: Annotated[list[str], Query(description="Only changes of these kinds.")] = [],  # noqa: B006
) -> Response:
    """Send every change of what the caller may see.

    Events: `ready` first, with the id to go on from; then `run` (and `cluster`, `workflow`) with
    the thing as its own route shows it, or with `"gone": true`; `resync` when changes were missed:
    look at everything again.
    """
    wanted = frozenset(kind)
    changes = services.runs.changes

    def may(change: Change) -> bool:
        return (not wanted or change.kind in wanted) and _may_see(caller, change)

    return sse(request, _changes(changes, last_event_id(request), may))


async def _changes(
    changes: ChangeHub, after: str | None, may: Callable[[Change], bool]
) -> AsyncGenerator[bytes, None]:
    if after is None:
        # So that a client that is cut off before the first change knows where to go on.
        yield event("ready", {}, changes.latest_id())
    async for change in changes.listen(after, may):
        if change is None:
            yield event("resync", {})
        else:
            yield event(change.kind, json.loads(change.data), changes.id_of(change))


def _may_see(caller: Caller, change: Change) -> bool:
    if isinstance(change.subject, IndexedRun):
        return caller.may(Action.RUN_READ, ref(change.subject))
    action = _READ.get(change.kind)
    return action is not None and caller.may(action, caller.ref(change.kind, change.name))
