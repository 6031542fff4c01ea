"""Rows are folded into tries, whatever has been torn, lost or written by a newer Towline."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from towline.runs.tasks import TaskTry, TryState, read_tries
from towline.runs.tasks.tries import ENDS, fold_rows

from .rows import PLACES, end, launch, many

WHOLE = "".join(json.dumps(row) + "\n" for row in [PLACES, *many(12, 4)]).encode()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)
NAMES = [*launch(0, 1.0), *end(0, 1.0, 1.0), "executors", "closed", "error", "text"]


def fold(*rows: dict[str, Any], over: bool = False) -> list[TaskTry]:
    return list(fold_rows([PLACES, *rows], over=over))


def test_a_try_has_its_times_and_its_place():
    [each] = fold(launch(4, 100.0), end(4, 102.0, 3.0, grew=True))
    assert (each.task, each.number, each.app) == ("4", 1, "simulate")
    assert (each.cluster, each.host, each.block, each.worker) == ("onprem", "n1", "0", "0")
    assert (each.waited, each.queued, each.seconds, each.end) == (0.5, 2.0, 3.0, 105.0)
    assert (each.cpu, each.memory, each.grew, each.pid) == (1.5, 5_000_000, True, 7)


def test_each_try_is_one_of_its_own():
    lost = {"time": 105.0, "task": 1, "try": 0, "state": "lost", "error": "WorkerLost"}
    again = [{**launch(1, 106.0), "try": 1}, {**end(1, 107.0, 1.0), "try": 1}]
    first, second = fold(launch(1, 100.0), lost, *again)
    assert (first.number, first.state, first.error) == (1, TryState.LOST, "WorkerLost")
    assert (second.number, second.state) == (2, TryState.DONE)


def test_what_was_launched_is_lost_only_when_the_run_is_over():
    rows = [launch(1, 100.0)]
    assert fold(*rows)[0].state is TryState.LAUNCHED
    [each] = fold(*rows, over=True)
    assert (each.state, each.text) == (TryState.LOST, "the run ended first")
    assert fold(*rows, {"time": 101.0, "closed": True})[0].state is TryState.LOST


def test_a_try_ends_once():
    [each] = fold(launch(1, 100.0), end(1, 101.0, 1.0), end(1, 109.0, 9.0, "failed"))
    assert (each.state, each.seconds) == (TryState.DONE, 1.0)


def test_every_state_but_the_first_is_an_end():
    assert {TryState.LAUNCHED: set(TryState) - {TryState.LAUNCHED}} == ENDS


def test_an_end_whose_launch_is_missing_is_shown_all_the_same():
    [each] = fold(end(1, 101.0, 1.0))
    assert (each.state, each.app, each.queued) == (TryState.DONE, "", None)


def test_rows_and_facts_of_a_newer_towline_are_passed_over():
    [each] = fold({"time": 1.0, "new": 1}, {**launch(1, 100.0), "new": []}, end(1, 101.0, 1.0))
    assert each.state is TryState.DONE
    assert fold({**launch(1, 100.0), "state": "dreaming"}) == []


def read(data: bytes) -> list[TaskTry]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "1.jsonl").write_bytes(data)
        (Path(folder) / "notes.jsonl").write_bytes(b"not ours")
        return read_tries(Path(folder), over=False)


@given(st.integers(0, len(WHOLE)))
def test_a_file_cut_anywhere_tells_what_its_whole_lines_tell(cut: int):
    whole_lines = WHOLE[: WHOLE.rfind(b"\n", 0, cut) + 1]
    assert read(WHOLE[:cut]) == read(whole_lines)


@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=40))
def test_damage_in_the_middle_costs_the_lines_it_hits_at_most(at: int, damage: bytes):
    hit = WHOLE[at : at + len(damage)].count(b"\n") + damage.count(b"\n") + 1
    tasks = {each.task for each in read(WHOLE[:at] + damage + WHOLE[at + len(damage) :])}
    assert len({str(task) for task in range(12)} - tasks) <= hit


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), JSON | st.sampled_from([1, "done"]))))
@example([{**end(1, 1.0, 1.0), "start": 10**400}])
@example([{**launch(1, 1.0), "time": float("nan")}])
@example([{**launch(1, 1.0), "task": []}])
def test_no_row_breaks_the_reader(rows: list[dict[str, Any]]):
    read("".join(json.dumps(row) + "\n" for row in rows).encode())


def test_a_run_without_tasks_has_no_tries(tmp_path: Path):
    assert read_tries(tmp_path / "missing", over=True) == []


@pytest.mark.parametrize("ahead", [-7.0, 0.0, 42.0])
def test_the_starts_of_a_node_whose_clock_is_wrong_are_set_right(tmp_path: Path, ahead: float):
    rows = []
    for task in range(5):
        own = end(task, 100.2 + task, 0.6)
        rows += [launch(task, 100.0 + task), {**own, "start": own["start"] + ahead}]
    (tmp_path / "1.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for each in read_tries(tmp_path, over=True):
        assert each.launched is not None and each.start is not None and each.ended is not None
        assert each.launched <= each.start + 1e-6
        assert each.start + each.seconds <= each.ended + 1e-6
