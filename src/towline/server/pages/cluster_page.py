"""One cluster: what it is now, the way to it step by step, its nodes, queue and disk."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import Response

from towline.clusters.power import Desired
from towline.server.access.actions import Action
from towline.server.access.caller import Caller
from towline.server.access.rules import Rule
from towline.server.api._clusters import MOST_TEXT, ClusterName, find, ref
from towline.server.api.cluster_power import (
    AnswerAsked,
    CheckAsked,
    PowerAsked,
    answer_cluster,
    check_cluster,
    switch_cluster,
)
from towline.server.api.clusters import delete_cluster
from towline.server.cluster_views import ClusterInfo, cluster_info
from towline.server.control.managed import Managed
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.index import Change
from towline.server.pages.answers import done
from towline.server.pages.cluster_list import may_switch, switches_to
from towline.server.pages.fragments import Changes, Fragment, Fragments, stream
from towline.server.pages.rendering import page, partial
from towline.server.routing import Router
from towline.server.services import Services

router = Router(prefix="/clusters/{name}", tags=["pages"], below="", include_in_schema=False)

CHECK_SECONDS = 0.3
"""Between two looks at a check that is going on."""

NODE_KINDS = {
    "idle": "idle",
    "allocated": "busy",
    "alloc": "busy",
    "mixed": "busy",
    "mix": "busy",
    "completing": "busy",
    "job-exclusive": "busy",
    "job-busy": "busy",
    "free": "idle",
    "ok": "idle",
    "down": "bad",
    "fail": "bad",
    "error": "bad",
    "offline": "bad",
}
MOST_SQUARES = 600


def squares(by_state: dict[str, int]) -> list[tuple[str, str, int]]:
    """Return nodes as squares: the class of each, its state in words, how many; the busy first."""
    order = {"busy": 0, "idle": 1, "warn": 2, "bad": 3}
    found = []
    for state, number in by_state.items():
        word = state.lower().rstrip("*~#!%$@^-+")
        kind = NODE_KINDS.get(word, "bad" if word.startswith(("down", "drain")) else "warn")
        found.append((kind, state, number))
    return sorted(found, key=lambda each: (order[each[0]], each[1]))


def fragments(services: Services, caller: Caller, managed: Managed) -> Fragments:
    """Draw the live parts of the page."""
    info: ClusterInfo = cluster_info(services, managed)
    parts = "clusters/parts.html"
    target = ref(caller, managed.name)
    switch = switches_to(managed).value if may_switch(caller, managed) else ""
    rights = {
        "switch": switch,
        "check": managed.wrong is None and caller.may(Action.CLUSTER_CHECK, target),
        "edit": caller.may(Action.CLUSTER_EDIT, target),
        "delete": caller.may(Action.CLUSTER_DELETE, target),
        "answer": caller.may(Action.CLUSTER_INPUT, target),
    }
    seen = managed.observation
    nodes = squares(seen.nodes_by_state) if seen and seen.nodes_by_state else []
    partitions = [
        (each, squares(each.nodes_by_state)) for each in (seen.partitions or () if seen else ())
    ]
    few = sum(number for _, _, number in nodes) <= MOST_SQUARES
    return {
        "c-head": Fragment(partial(parts, "head", info, managed.since, rights)),
        "c-question": Fragment(partial(parts, "question", info, rights)),
        "c-check": Fragment(partial(parts, "check", managed.check)),
        "c-seen": Fragment(
            partial(parts, "seen", info, seen, managed.observed_at, nodes, partitions, few)
        ),
        "c-runs": Fragment(partial(parts, "runs", info.runs)),
    }


@router.get("", rule=Rule(Action.CLUSTER_READ, of="cluster"))
async def show_cluster_page(
    request: Request, name: ClusterName, services: ServicesDep, caller: CallerDep
) -> Response:
    """Show a cluster."""
    managed = await find(name, services, caller)
    services.clusters.watch(managed)
    return page(
        request,
        "clusters/page.html",
        info=cluster_info(services, managed),
        fragments=fragments(services, caller, managed),
    )


@router.get("/stream", rule=Rule(Action.CLUSTER_READ, of="cluster"))
async def follow_cluster_page(
    request: Request, name: ClusterName, services: ServicesDep, caller: CallerDep
) -> Response:
    """Send the parts of a cluster's page as they change."""
    managed = await find(name, services, caller)

    def concerns(change: Change) -> bool:
        return change.kind == "cluster" and change.name == name

    changes = Changes(services.runs.changes, concerns)

    async def draw() -> Fragments:
        services.clusters.watch(managed)
        return fragments(services, caller, managed)

    async def changed() -> None:
        if managed.check is not None and managed.check.running:
            await asyncio.sleep(CHECK_SECONDS)
        else:
            await changes()

    return stream(request, draw, changed)


@router.post("/power", rule=Rule(Action.CLUSTER_POWER, of="cluster"))
async def switch(
    request: Request,
    name: ClusterName,
    services: ServicesDep,
    caller: CallerDep,
    desired: Annotated[Desired, Form()],
) -> Response:
    """Switch a cluster on or off."""
    await switch_cluster(name, PowerAsked(desired=desired), caller, services)
    return done(request, f"/clusters/{name}")


@router.post("/check", rule=Rule(Action.CLUSTER_CHECK, of="cluster"))
async def check(
    request: Request, name: ClusterName, services: ServicesDep, caller: CallerDep
) -> Response:
    """Begin to check the way to a cluster."""
    await check_cluster(name, caller, services, CheckAsked())
    managed = await find(name, services, caller)
    services.runs.changes.publish("cluster", name, "{}", subject=managed)
    return done(request, f"/clusters/{name}")


@router.post("/answer", rule=Rule(Action.CLUSTER_INPUT, of="cluster"))
async def answer(
    request: Request,
    name: ClusterName,
    services: ServicesDep,
    caller: CallerDep,
    question: Annotated[str, Form(max_length=64)],
    text: Annotated[str, Form(max_length=MOST_TEXT, pattern=r"^[^\r\n\x00]*$")] = "",
) -> Response:
    """Answer what a host asks at a log-in."""
    await answer_cluster(name, AnswerAsked(id=question, answer=text), caller, services)
    return done(request, f"/clusters/{name}")


@router.post("/delete", rule=Rule(Action.CLUSTER_DELETE, of="cluster"))
async def forget(
    request: Request, name: ClusterName, services: ServicesDep, caller: CallerDep
) -> Response:
    """Forget a cluster; nothing on it is touched."""
    await delete_cluster(name, caller, services)
    return done(request, "/clusters", leave=True)
