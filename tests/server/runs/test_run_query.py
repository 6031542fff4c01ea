"""Lists of runs: filters, orders and pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from towline.runs import RunState
from towline.server.index import IndexedRun, RunFilter, SortRuns, select
from towline.server.problems import ProblemError


def run(number: int, **facts: object) -> IndexedRun:
    known: dict[str, object] = {
        "number": number,
        "tag": f"r{number}-0000000{number % 10}",
        "state": RunState.SUCCEEDED if number % 3 else RunState.FAILED,
        "final": True,
        "owner": "ann" if number % 2 else "ben",
        "title": f"Run {number}",
        "workflow": ("a", "b", None)[number % 3],
        "version": 1,
        "script": "/home/ann/main.py",
        "arguments": (),
        "created": 1000.0 + number,
        "ended": 2000.0 - number,
        "seconds": float(number % 4) if number % 5 else None,
        "clusters": ("onprem",) if number % 2 else ("cloud", "onprem"),
    }
    return IndexedRun(**(known | facts))  # type: ignore[arg-type]


class Some:
    """Runs in memory."""

    def __init__(self, runs: list[IndexedRun]) -> None:
        self.runs = sorted(runs, key=lambda each: -each.number)

    def newest_first(self, below: int | None = None) -> Iterator[IndexedRun]:
        return (each for each in self.runs if below is None or each.number < below)


RUNS = Some([run(number) for number in range(1, 31)])


def numbers(wanted: RunFilter, runs: Some = RUNS) -> list[int]:
    return [each.number for each in select(runs, wanted, lambda run: True, limit=200)[0]]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (RunFilter(), list(range(30, 0, -1))),
        (
            RunFilter(states=frozenset({RunState.FAILED}), owners=frozenset({"ann"})),
            [27, 21, 15, 9, 3],
        ),
        (RunFilter(workflows=frozenset({"a"}), cluster="cloud"), [30, 24, 18, 12, 6]),
        (RunFilter(cluster="clou"), []),
        (RunFilter(tag="r7-00000007"), [7]),
        (RunFilter(text="RUN 29"), [29]),
        (RunFilter(since=1028.0), [30, 29, 28]),
        (RunFilter(until=1003.0), [2, 1]),
    ],
)
def test_filters_are_all_to_be_met(wanted: RunFilter, expected: list[int]) -> None:
    """Each field that is given leaves fewer."""
    assert numbers(wanted) == expected


def test_what_one_may_not_see_takes_no_place_on_a_page() -> None:
    """A page is full of what one may see."""
    page, more = select(RUNS, RunFilter(), lambda each: each.owner == "ben", limit=3)
    assert [each.number for each in page] == [30, 28, 26]
    assert more is not None


@pytest.mark.parametrize("sort", SortRuns)
def test_pages_together_are_the_whole_list(sort: SortRuns) -> None:
    """In every order, also where many are equal in it."""
    whole, none = select(RUNS, RunFilter(), lambda each: True, sort=sort, limit=200)
    assert none is None
    assert len(whole) == 30
    found: list[IndexedRun] = []
    cursor = None
    while True:
        page, cursor = select(
            RUNS, RunFilter(), lambda each: True, sort=sort, after=cursor, limit=7
        )
        found += page
        if cursor is None:
            break
    assert found == whole


def test_a_run_that_is_deleted_or_made_between_pages_moves_no_other() -> None:
    """The cursor names a place in the order, not a count."""
    first, cursor = select(RUNS, RunFilter(), lambda each: True, limit=10)
    later = Some([each for each in RUNS.runs if each.number not in (21, 25)] + [run(31)])
    second, _ = select(later, RunFilter(), lambda each: True, after=cursor, limit=10)
    assert [each.number for each in first + second] == [*range(30, 20, -1), *range(20, 10, -1)]


@pytest.mark.parametrize("cursor", ["", "x", "W10", "WzFd", "bnVsbA", "A" * 400])
def test_a_foreign_cursor_is_refused_in_words(cursor: str) -> None:
    """It is the client's mistake."""
    with pytest.raises(ProblemError) as caught:
        select(RUNS, RunFilter(), lambda each: True, after=cursor)
    assert caught.value.status == 422


def test_a_cursor_of_another_order_is_refused() -> None:
    """Its place means nothing there."""
    _, cursor = select(RUNS, RunFilter(), lambda each: True, sort=SortRuns.LONGEST, limit=1)
    with pytest.raises(ProblemError):
        select(RUNS, RunFilter(), lambda each: True, sort=SortRuns.SHORTEST, after=cursor)
