"""Tries are chosen, sorted and summed up."""

from __future__ import annotations

import pytest

from towline.runs.tasks import TaskTry, TryState
from towline.runs.tasks.table import SortBy, Spread, arrange, choose, summarise
from towline.runs.tasks.tries import fold_rows
from towline.runs.tasks.words import counts, memory, overview, short_time, size

from .rows import PLACES, end, launch

TRIES = list(
    fold_rows(
        [
            PLACES,
            launch(0, 100.0),
            end(0, 101.0, 4.0),
            launch(1, 100.0, cluster="cloud"),
            end(1, 103.0, 1.0, "failed", error="ValueError", memory=9_000_000),
            launch(10, 100.0, "train", "cloud"),
            end(10, 102.0, 2.0, cpu=7.0),
            launch(2, 100.0, "train", "cloud"),
        ]
    )
)


def names(tries: list[TaskTry]) -> list[str]:
    return [each.task for each in tries]


def test_tries_are_chosen_by_app_state_and_cluster():
    assert names(choose(TRIES)) == ["0", "1", "10", "2"]
    assert names(choose(TRIES, apps=["train"])) == ["10", "2"]
    assert names(choose(TRIES, states=[TryState.FAILED, TryState.LAUNCHED])) == ["1", "2"]
    assert names(choose(TRIES, apps=["simulate"], clusters=["cloud"])) == ["1"]


@pytest.mark.parametrize(
    ("by", "order"),
    [
        (SortBy.LAUNCHED, ["0", "1", "10", "2"]),
        (SortBy.TASK, ["0", "1", "2", "10"]),
        (SortBy.QUEUED, ["1", "10", "0", "2"]),
        (SortBy.RAN, ["0", "10", "1", "2"]),
        (SortBy.CPU, ["10", "0", "1", "2"]),
    ],
)
def test_what_was_not_measured_comes_last_and_ten_after_two(by: SortBy, order: list[str]):
    assert names(arrange(TRIES, by)) == order


def test_a_limit_keeps_the_latest_or_the_largest():
    assert names(arrange(TRIES, SortBy.LAUNCHED, 2)) == ["10", "2"]
    assert names(arrange(TRIES, SortBy.MEMORY, 1)) == ["1"]
    assert len(arrange(TRIES, SortBy.LAUNCHED, 99)) == 4


def test_a_summary_is_of_an_app_on_a_cluster():
    found = {(row.app, row.cluster): row for row in summarise(TRIES)}
    assert set(found) == {("simulate", "onprem"), ("simulate", "cloud"), ("train", "cloud")}
    train = found["train", "cloud"]
    assert (train.tasks, train.done, train.unfinished, train.cpu) == (2, 1, 1, 7.0)
    assert (train.ran, train.memory) == (Spread(2.0, 2.0), 5_000_000)
    assert found["simulate", "cloud"].failed == 1


@pytest.mark.parametrize(
    ("values", "spread"),
    [
        ([], None),
        ([3.0], Spread(3.0, 3.0)),
        (list(range(1, 101)), Spread(50.5, 95)),
        (list(range(20)), Spread(9.5, 18)),
    ],
)
def test_median_and_95th_percentile(values: list[float], spread: Spread | None):
    assert Spread.of(values) == spread


def test_words_for_times_and_sizes():
    times = [None, 0.00001, 0.003, 0.42, 61.0]
    assert [short_time(each) for each in times] == ["", "<1 ms", "3 ms", "0.4 s", "1:01"]
    assert [size(each) for each in (None, 2e6, 1.5e9)] == ["", "2 MB", "1.50 GB"]


def test_memory_that_an_earlier_task_had_reached_is_an_upper_bound():
    assert [memory(each) for each in TRIES] == ["≤ 5 MB", "≤ 9 MB", "≤ 5 MB", ""]
    assert memory(TaskTry("1", 1, memory=5_000_000, grew=True)) == "5 MB"


def test_tasks_are_counted_by_their_last_try():
    again = TaskTry("1", 2, state=TryState.DONE)
    words = counts([*TRIES, again])
    assert words == "4 tasks: 1 launched, 3 done, 1 tried again"
    assert overview(TRIES) == "median 2.0 s queued, 2.0 s run, on 2 workers"
    assert overview([]) == ""
