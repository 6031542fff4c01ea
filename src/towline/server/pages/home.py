"""Home: what runs, what needs somebody, what to do next."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.responses import Response

from towline.clusters.power import PowerState
from towline.runs import RunState
from towline.server.access.actions import Action
from towline.server.access.caller import Caller
from towline.server.access.rules import Rule
from towline.server.api._runs import may_read
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.index import IndexedRun
from towline.server.pages.fragments import Changes, Fragment, Fragments, stream
from towline.server.pages.rendering import page, partial
from towline.server.pages.run_list import may_stop
from towline.server.routing import Router
from towline.server.services import Services

router = Router(tags=["pages"], below="", include_in_schema=False)

RECENT = 6
A_DAY = 86_400.0
IDLE_SECONDS = 4 * 3600.0
"""A cluster that ends machines when it is switched off, on for so long without a run, is said."""


@dataclass(frozen=True)
class Need:
    """Something that waits for a person."""

    kind: str
    thing: str
    why: str
    since: float | None
    href: str
    action: str


def needs(services: Services, caller: Caller, now: float) -> list[Need]:
    """Return what waits for a person, the most pressing first."""
    found = []
    for managed in clusters_of(services, caller):
        href, name = f"/clusters/{managed.name}", f"Cluster {managed.name}"
        if services.clusters.logins.question(managed.name) is not None:
            why = "asks for a log-in code"
            found.append(Need("warn", name, why, managed.since, href, "Answer"))
        elif managed.wrong is not None:
            found.append(Need("bad", name, managed.wrong.cause, None, href, "Look"))
        elif managed.state is PowerState.ERROR:
            found.append(Need("bad", name, managed.reason, managed.since, href, "Look"))
        elif _idles(services, managed, now):
            why = "is on, and no run has used it for hours"
            found.append(Need("warn", name, why, managed.since, href, "Look"))
    for run in services.runs.index.created_since(now - A_DAY):
        bad = run.state in (RunState.FAILED, RunState.LOST) and may_read(caller)(run)
        if bad and run.owner == caller.name:
            what = run.title or run.workflow or run.script.rpartition("/")[2]
            why = run.reason or f"{what} {run.state.value}"
            name = f"Run {run.number}, {what}"
            found.append(Need("bad", name, why, run.ended, f"/runs/{run.number}", "See why"))
    return found


def clusters_of(services: Services, caller: Caller) -> list[Any]:
    """Return the clusters that one may see, by name."""
    known = services.clusters.clusters
    return [
        known[name]
        for name in sorted(known)
        if caller.may(Action.CLUSTER_READ, caller.ref("cluster", name))
    ]


def _idles(services: Services, managed: Any, now: float) -> bool:
    if managed.state is not PowerState.ON or now - managed.since < IDLE_SECONDS:
        return False
    if managed.definition is None or not managed.definition.elastic:
        return False
    used = (r for r in services.runs.index.created_since(now - IDLE_SECONDS))
    return not any(managed.name in run.clusters for run in used)


def draw(services: Services, caller: Caller) -> Fragments:
    """Return the live parts of the page."""
    now, may = time.time(), may_read(caller)
    runs: list[IndexedRun] = []
    active = 0
    for run in services.runs.index.newest_first():
        if may(run):
            active += not run.final
            if len(runs) < RECENT:
                runs.append(run)
    clusters = clusters_of(services, caller)
    waiting = needs(services, caller, now)
    on = sum(each.state is PowerState.ON for each in clusters)
    rows = [(run, may_stop(caller, run)) for run in runs]
    parts = "home_parts.html"
    return {
        "home-tiles": Fragment(
            partial(parts, "tiles", active, on, len(clusters), len(waiting), _cost(clusters))
        ),
        "home-needs": Fragment(partial(parts, "needs", waiting)),
        "home-runs": Fragment(partial(parts, "runs", rows)),
    }


def _cost(clusters: list[Any]) -> list[str]:
    """Return what all clusters that are on cost an hour, by currency, where it is known."""
    sums: dict[str, float] = {}
    for each in clusters:
        cost = each.observation.cost if each.observation else None
        if cost is not None and each.state is PowerState.ON:
            sums[cost.currency] = sums.get(cost.currency, 0.0) + cost.amount_per_hour
    return [f"{amount:.2f} {currency}" for currency, amount in sorted(sums.items()) if amount]


@router.get("/", rule=Rule(Action.ME_READ))
async def show_home(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    """Show what goes on."""
    clusters = clusters_of(services, caller)
    return page(
        request,
        "home.html",
        fragments=draw(services, caller),
        has_clusters=bool(clusters),
        has_runs=any(map(may_read(caller), services.runs.index.newest_first())),
        may_add=caller.may(Action.CLUSTER_CREATE),
    )


@router.get("/stream", rule=Rule(Action.EVENTS_READ))
async def follow_home(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    """Send the parts of the page as they change."""

    async def redraw() -> Fragments:
        return draw(services, caller)

    changes = Changes(services.runs.changes, lambda change: change.kind in ("run", "cluster"))
    return stream(request, redraw, changes)
