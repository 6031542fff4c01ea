"""Clusters: power, checks, log-ins, and what changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from towline.clusters.power import Desired
from towline.server.access.actions import Action
from towline.server.access.rules import Rule
from towline.server.api._clusters import MOST_TEXT, ClusterName, find, ref
from towline.server.cluster_views import (
    CheckInfo,
    ClusterInfo,
    check_info,
    cluster_info,
    cluster_json,
    step_info,
)
from towline.server.control.managed import Managed
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.index import Change
from towline.server.problems import problem, problems
from towline.server.routing import Router
from towline.server.services import Services
from towline.server.streams import STREAM, EventStream, event, last_event_id, sse

router = Router(prefix="/clusters", tags=["clusters"])

GLANCE_SECONDS = 0.2
WATCH_SECONDS = 20.0
"""How often a stream says that somebody still looks."""


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PowerAsked(_Asked):
    """What is wanted of a cluster."""

    desired: Desired


class CheckAsked(_Asked):
    """How to check."""

    deep: bool = Field(default=False, description="Also run a job on a node, of a minute at most.")
    partition: str | None = Field(default=None, max_length=250, description="Of that job.")
    account: str | None = Field(default=None, max_length=250, description="Of that job.")


class AnswerAsked(_Asked):
    """An answer to what a host asks."""

    id: str = Field(max_length=64, description="Of the question, as `input.id` has it.")
    answer: str = Field(
        max_length=MOST_TEXT, pattern=r"^[^\r\n\x00]*$", description="It is kept nowhere."
    )


@router.post(
    "/{name}/power",
    rule=Rule(Action.CLUSTER_POWER, of="cluster"),
    status_code=202,
    responses=problems(409, 422),
)
async def switch_cluster(
    name: ClusterName, body: PowerAsked, caller: CallerDep, services: ServicesDep
) -> ClusterInfo:
    """Say that a cluster shall be on, or off; the answer comes before it is.

    On: connected and checked, and if need be made. Off: disconnected; a cluster that can be
    switched gives its machines back. The same again does no harm, and makes a try that waits for
    its time, or for a person, happen now. Off is refused while runs use the cluster.
    """
    managed = await find(name, services, caller, Action.CLUSTER_POWER)
    before = managed.desired
    await services.clusters.want(managed, body.desired)
    services.clusters.watch(managed)
    await services.audit.record(
        caller,
        Action.CLUSTER_POWER.value,
        ref(caller, name),
        before={"desired": before.value if before else None},
        after={"desired": body.desired.value},
    )
    return cluster_info(services, managed)


@router.post(
    "/{name}/check",
    rule=Rule(Action.CLUSTER_CHECK, of="cluster"),
    status_code=202,
    responses=problems(422),
)
async def check_cluster(
    name: ClusterName,
    caller: CallerDep,
    services: ServicesDep,
    body: CheckAsked | None = None,
) -> CheckInfo:
    """Begin to try each step of the way to a cluster; a check that is going on is not doubled."""
    managed = await find(name, services, caller, Action.CLUSTER_CHECK)
    asked = body or CheckAsked()
    return check_info(services.clusters.start_check(managed, **asked.model_dump()))


@router.get("/{name}/check", rule=Rule(Action.CLUSTER_READ, of="cluster"))
async def show_check(name: ClusterName, caller: CallerDep, services: ServicesDep) -> CheckInfo:
    """Show the last check, with its steps so far."""
    managed = await find(name, services, caller)
    if managed.check is None:
        raise _never_checked(name)
    return check_info(managed.check)


@router.get(
    "/{name}/check/events",
    rule=Rule(Action.CLUSTER_READ, of="cluster"),
    responses=STREAM,
    response_class=EventStream,
)
async def follow_check(
    name: ClusterName, request: Request, caller: CallerDep, services: ServicesDep
) -> Response:
    """Send each step of the last check (`step`), those that are over first; then `end`."""
    managed = await find(name, services, caller)
    if managed.check is None:
        raise _never_checked(name)
    last = last_event_id(request) or ""
    return sse(request, _steps(managed, int(last) if last.isdecimal() and len(last) < 9 else 0))


async def _steps(managed: Managed, sent: int) -> AsyncGenerator[bytes, None]:
    check = managed.check
    assert check is not None  # noqa: S101 - the route has looked
    while True:
        while sent < len(check.steps):
            sent += 1
            yield event("step", step_info(check.steps[sent - 1]).model_dump(), sent)
        if not check.running:
            yield event("end", {"usable": check.usable}, sent)
            return
        await asyncio.sleep(GLANCE_SECONDS)


@router.post(
    "/{name}/input",
    rule=Rule(Action.CLUSTER_INPUT, of="cluster"),
    status_code=202,
    responses=problems(409, 422),
)
async def answer_cluster(
    name: ClusterName, body: AnswerAsked, caller: CallerDep, services: ServicesDep
) -> ClusterInfo:
    """Answer what a host asks at a log-in: a code, a password, whether its key is the right one.

    The answer goes to OpenSSH and is kept nowhere.
    """
    managed = await find(name, services, caller, Action.CLUSTER_INPUT)
    if not services.clusters.logins.answer(name, body.id, body.answer):
        raise problem(
            409,
            "not-asked",
            thing=f"cluster {name}",
            cause="this is not asked, or not any more",
            next_step="look at its input; to be asked again, switch it on again",
        )
    await services.audit.record(caller, Action.CLUSTER_INPUT.value, ref(caller, name))
    return cluster_info(services, managed)


@router.get(
    "/{name}/events",
    rule=Rule(Action.CLUSTER_READ, of="cluster"),
    responses=STREAM,
    response_class=EventStream,
)
async def follow_cluster(
    name: ClusterName, request: Request, caller: CallerDep, services: ServicesDep
) -> Response:
    """Send the cluster as it is, then again at each change (`cluster`); `gone` at its end."""
    managed = await find(name, services, caller)
    return sse(request, _changes(services, managed, last_event_id(request)))


async def _changes(
    services: Services, managed: Managed, after: str | None
) -> AsyncGenerator[bytes, None]:
    changes = services.runs.changes

    def of_this(change: Change) -> bool:
        return change.kind == "cluster" and change.name == managed.name

    async def keep_watching() -> None:
        while True:
            services.clusters.watch(managed)
            await asyncio.sleep(WATCH_SECONDS)

    watching = asyncio.create_task(keep_watching())
    try:
        if after is None:
            after = changes.latest_id()
            yield event("cluster", json.loads(cluster_json(services, managed)), after)
        async for change in changes.listen(after, of_this):
            if change is None:
                now = json.loads(cluster_json(services, managed))
                yield event("cluster", now, changes.latest_id())
            elif change.gone:
                yield event("gone", {"name": managed.name}, changes.id_of(change))
                return
            else:
                yield event("cluster", json.loads(change.data), changes.id_of(change))
    finally:
        watching.cancel()


def _never_checked(name: str) -> Exception:
    return problem(
        404,
        "check-not-found",
        thing=f"cluster {name}",
        cause="was not checked since the server began",
        next_step=f"towline cluster check {name}",
    )
