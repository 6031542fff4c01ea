"""Clusters: a card each, with its power button, its state, why and since when."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from towline.clusters.power import Desired, PowerState
from towline.server.access.actions import Action
from towline.server.access.caller import Caller
from towline.server.access.rules import Rule
from towline.server.api._clusters import ref
from towline.server.cluster_views import ClusterInfo, cluster_info
from towline.server.control.managed import Managed
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.pages.fragments import Changes, Fragment, Fragments, stream
from towline.server.pages.home import clusters_of
from towline.server.pages.rendering import page, partial
from towline.server.routing import Router
from towline.server.services import Services

router = Router(prefix="/clusters", tags=["pages"], below="", include_in_schema=False)


def may_switch(caller: Caller, managed: Managed) -> bool:
    """Return whether somebody may switch a cluster."""
    return managed.wrong is None and caller.may(Action.CLUSTER_POWER, ref(caller, managed.name))


def switches_to(managed: Managed) -> Desired:
    """Return what the power button asks for."""
    on = managed.state in (PowerState.ON, PowerState.STARTING, PowerState.INPUT_NEEDED)
    wanted = managed.desired is Desired.ON and managed.state is not PowerState.ERROR
    return Desired.OFF if on or (wanted and managed.state is not PowerState.OFF) else Desired.ON


def fragments(services: Services, caller: Caller) -> Fragments:
    """Draw the cards."""
    cards = {}
    for managed in clusters_of(services, caller):
        services.clusters.watch(managed)
        info: ClusterInfo = cluster_info(services, managed)
        switch = switches_to(managed).value if may_switch(caller, managed) else ""
        cards[f"cluster-{managed.name}"] = partial(
            "clusters/parts.html", "card", info, managed.since, switch
        )
    may_add = caller.may(Action.CLUSTER_CREATE)
    whole = partial("clusters/parts.html", "cards", list(cards.values()), may_add)
    return {"clusters": Fragment(whole, cards)}


@router.get("", rule=Rule(Action.CLUSTER_READ))
async def show_clusters(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    """Show all clusters."""
    may_add = caller.may(Action.CLUSTER_CREATE)
    drawn = fragments(services, caller)
    return page(request, "clusters/list.html", fragments=drawn, may_add=may_add)


@router.get("/stream", rule=Rule(Action.CLUSTER_READ))
async def follow_clusters(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    """Send the cards as they change."""

    async def draw() -> Fragments:
        return fragments(services, caller)

    changes = Changes(services.runs.changes, lambda change: change.kind in ("cluster", "run"))
    return stream(request, draw, changes)
