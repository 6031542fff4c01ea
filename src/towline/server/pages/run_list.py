"""The monitor: every run that one may see, live, filtered and sorted; several stopped at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from towline.errors import TowlineError
from towline.runs import RunState
from towline.server.access.actions import Action
from towline.server.access.caller import Caller
from towline.server.access.rules import Rule
from towline.server.api._runs import find, may_read, ref
from towline.server.api.runs import cancel_run
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.index import IndexedRun, RunFilter, SortRuns, select
from towline.server.pages.fragments import Changes, Fragment, Fragments, stream
from towline.server.pages.rendering import page, partial
from towline.server.problems import ProblemError, problem
from towline.server.routing import Router
from towline.server.services import Services

router = Router(tags=["pages"], below="", include_in_schema=False)

A_PAGE = 50
MOST_STOPPED = 200

_ENDED = frozenset(state for state in RunState if state.final)
STATES: dict[str, tuple[str, frozenset[RunState]]] = {
    "": ("All states", frozenset()),
    "active": ("Active", frozenset(RunState) - _ENDED),
    "ended": ("Ended", _ENDED),
    **{state.value: (state.value.capitalize(), frozenset({state})) for state in RunState},
}


@dataclass(frozen=True)
class Asked:
    """What part of the runs a page shows, as its address says."""

    state: str = ""
    workflow: str = ""
    text: str = ""
    sort: SortRuns = SortRuns.NEWEST
    cursor: str | None = None

    def query(self, **other: str | None) -> str:
        """Return the address of the page, with some of it otherwise."""
        own = {
            "state": self.state,
            "workflow": self.workflow,
            "text": self.text,
            "sort": "" if self.sort is SortRuns.NEWEST else self.sort.value,
            "cursor": self.cursor,
        }
        given = {name: value for name, value in {**own, **other}.items() if value}
        return f"?{urlencode(given)}" if given else ""

    @property
    def filtered(self) -> bool:
        """Whether runs may be left out."""
        return bool(self.state or self.workflow or self.text or self.cursor)

    def ordered_by(self, name: str) -> dict[str, str]:
        """Return a column's ``aria-sort``, and the address that sorts by it."""
        now = self.sort.value
        down = SortRuns(f"-{name}") if name in ("number", "duration") else None
        up = SortRuns(name)
        other = up if down is None or now == down.value else down
        state = "descending" if now == f"-{name}" else "ascending" if now == name else ""
        return {"state": state, "query": self.query(sort=other.value, cursor=None) or "?"}


def asked_by(request: Request) -> Asked:
    """Return what a request's address asks for; what makes no sense in it asks for nothing."""
    query = request.query_params
    state, sort = query.get("state", ""), query.get("sort", "")
    return Asked(
        state=state if state in STATES else "",
        workflow=query.get("workflow", "")[:255],
        text=query.get("text", "").strip()[:200],
        sort=next((each for each in SortRuns if each.value == sort), SortRuns.NEWEST),
        cursor=query.get("cursor") or None,
    )


def shown(services: Services, caller: Caller, asked: Asked) -> tuple[list[IndexedRun], str | None]:
    """Return the runs of a page, and where the next one begins."""
    wanted = RunFilter(
        states=STATES[asked.state][1],
        workflows=frozenset({asked.workflow} if asked.workflow else ()),
        text=asked.text,
    )
    return select(
        services.runs.index,
        wanted,
        may_read(caller),
        sort=asked.sort,
        after=asked.cursor,
        limit=A_PAGE,
    )


def fragments(services: Services, caller: Caller, asked: Asked) -> Fragments:
    """Draw the live part of the page."""
    found, more = shown(services, caller, asked)
    rows = {
        f"run-{run.number}": partial("runs/parts.html", "row", run, may_stop(caller, run))
        for run in found
    }
    body = partial("runs/parts.html", "rows", list(rows.values()), asked)
    under = partial("runs/parts.html", "under", len(found), more, asked)
    return {"run-rows": Fragment(body, rows), "runs-under": Fragment(under)}


def may_stop(caller: Caller, run: IndexedRun) -> bool:
    """Return whether a run can be stopped, by this user."""
    return (
        not run.final
        and run.state is not RunState.CANCELLING
        and caller.may(Action.RUN_CANCEL, ref(run))
    )


@router.get("/runs", rule=Rule(Action.RUN_READ))
async def show_runs(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    """Show the monitor."""
    asked = asked_by(request)
    return page(
        request,
        "runs/list.html",
        asked=asked,
        states=STATES,
        workflows=workflows_of(services.runs.index.newest_first(), caller),
        fragments=fragments(services, caller, asked),
        some=next(filter(may_read(caller), services.runs.index.newest_first()), None) is not None,
    )


@router.get("/runs/stream", rule=Rule(Action.RUN_READ))
async def follow_runs(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    """Send the monitor's rows as they change."""
    asked = asked_by(request)

    async def draw() -> Fragments:
        return fragments(services, caller, asked)

    changes = Changes(services.runs.changes, lambda change: change.kind == "run")
    return stream(request, draw, changes)


@router.post("/runs/stop", rule=Rule(Action.RUN_CANCEL))
async def stop_runs(
    request: Request,
    services: ServicesDep,
    caller: CallerDep,
    run: Annotated[list[int], Form()],
    sure: Annotated[str, Form()] = "",
) -> Response:
    """Stop several runs, once it is said which."""
    if len(run) > MOST_STOPPED:
        raise problem(
            422, "too-many", thing="the request", cause=f"more than {MOST_STOPPED} runs at once"
        )
    found = [await find(number, services, caller, Action.RUN_CANCEL) for number in sorted(set(run))]
    living = [each for each in found if not each.final]
    if sure != "yes":
        return page(request, "runs/stop.html", runs=living)
    refused: list[TowlineError | ProblemError] = []
    for each in living:
        try:
            await cancel_run(each.number, services, caller)
        except (TowlineError, ProblemError) as error:
            refused.append(error)  # the others are stopped all the same
    if refused:
        raise refused[0]
    return RedirectResponse("/runs", 303)


def workflows_of(runs: Iterable[IndexedRun], caller: Caller) -> list[str]:
    """Return the names of the workflows that one may see runs of."""
    may = may_read(caller)
    return sorted({run.workflow for run in runs if run.workflow and may(run)})
