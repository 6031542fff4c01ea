"""Choose, order and page runs: pure functions over what the index holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Any, Protocol

from towline.runs import RunState
from towline.server.index.entry import IndexedRun
from towline.server.paging import make_cursor, read_cursor
from towline.server.problems import problem


class SortRuns(str, Enum):
    """What a list of runs is ordered by; with a minus, the largest first."""

    NEWEST = "-number"
    OLDEST = "number"
    LONGEST = "-duration"
    SHORTEST = "duration"
    LAST_ENDED = "-ended"
    FIRST_ENDED = "ended"
    WORKFLOW = "workflow"
    STATE = "state"


@dataclass(frozen=True)
class RunFilter:
    """Which runs are wanted; an empty field leaves all.

    ``text`` is looked for in number, title, workflow, script, tag and reason, in either case;
    ``since`` and ``until`` are unix seconds and are compared with the time of creation.
    """

    states: frozenset[RunState] = frozenset()
    workflows: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()
    cluster: str = ""
    tag: str = ""
    text: str = ""
    since: float | None = None
    until: float | None = None

    def matches(self, run: IndexedRun) -> bool:
        """Say whether a run is wanted."""
        return (
            (not self.states or run.state in self.states)
            and (not self.workflows or (run.workflow or "") in self.workflows)
            and (not self.owners or run.owner in self.owners)
            and (not self.cluster or self.cluster in run.clusters)
            and (not self.tag or run.tag == self.tag)
            and (self.since is None or run.created >= self.since)
            and (self.until is None or run.created < self.until)
            and (not self.text or self._has_text(run))
        )

    def _has_text(self, run: IndexedRun) -> bool:
        where = f"{run.number}\n{run.title}\n{run.workflow or ''}\n{run.script}\n{run.tag}"
        return self.text.casefold() in f"{where}\n{run.reason}".casefold()


_KEYS: dict[str, Callable[[IndexedRun], Any]] = {
    "number": lambda run: run.number,
    "duration": lambda run: -1.0 if run.seconds is None else run.seconds,
    "ended": lambda run: -1.0 if run.ended is None else run.ended,
    "workflow": lambda run: run.workflow or "",
    "state": lambda run: run.state.value,
}


class Runs(Protocol):
    """Something that has runs in the order of their numbers."""

    def newest_first(self, below: int | None = None) -> Iterable[IndexedRun]:
        """Yield runs, those below a number, the newest first."""


def select(
    runs: Runs,
    wanted: RunFilter,
    may: Callable[[IndexedRun], bool],
    *,
    sort: SortRuns = SortRuns.NEWEST,
    after: str | None = None,
    limit: int = 50,
) -> tuple[list[IndexedRun], str | None]:
    """Return one page of runs and the cursor of the next; None when there is no next.

    A cursor holds the place of the last run of its page, so that runs made or deleted meanwhile
    neither repeat others nor hide them.

    Raises:
        ProblemError: 422 when the cursor is not one of this order.

    """
    place = None if after is None else _read_cursor(after, sort)
    if sort is SortRuns.NEWEST:
        below = runs.newest_first(None if place is None else place[1])
        found = list(islice((r for r in below if wanted.matches(r) and may(r)), limit + 1))
    else:
        fitting = [run for run in runs.newest_first() if wanted.matches(run) and may(run)]
        found = _sorted_after(fitting, sort, place)[: limit + 1]
    more = len(found) > limit
    found = found[:limit]
    return found, _write_cursor(found[-1], sort) if more else None


def _sorted_after(
    runs: list[IndexedRun], sort: SortRuns, place: tuple[Any, int] | None
) -> list[IndexedRun]:
    """Return runs in an order (equal ones: the newest first), those behind a place."""
    down = sort.value.startswith("-")
    key = _KEYS[sort.value.lstrip("-")]
    ordered = sorted(runs, key=lambda run: -run.number)
    ordered.sort(key=key, reverse=down)
    if place is None:
        return ordered
    value, number = place

    def behind(run: IndexedRun) -> bool:
        own = key(run)
        if own == value:
            return run.number < number
        return bool(own < value) if down else bool(own > value)

    return [run for run in ordered if behind(run)]


def _kind(sort: SortRuns) -> type:
    return str if sort in (SortRuns.WORKFLOW, SortRuns.STATE) else float


def _write_cursor(run: IndexedRun, sort: SortRuns) -> str:
    return make_cursor(sort.value, _kind(sort)(_KEYS[sort.value.lstrip("-")](run)), run.number)


def _read_cursor(cursor: str, sort: SortRuns) -> tuple[Any, int]:
    stated, value, number = read_cursor(cursor, str, _kind(sort), int)
    if stated != sort.value:
        raise problem(
            422,
            "invalid-request",
            thing="the request",
            cause="cursor is of another order than sort",
            next_step="leave cursor out to begin at the first page",
            fields=[("query.cursor", "not a cursor of this order")],
        )
    return value, number
