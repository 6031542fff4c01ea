"""The tries of a run's tasks, folded from the rows that were written about them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from towline.runs.events import read_lines
from towline.runs.tasks.clocks import offsets


class TryState(Enum):
    """How a try of a task stands."""

    LAUNCHED = "launched"  # its executor has it: queued or running
    DONE = "done"
    FAILED = "failed"  # the app raised an exception, or could not be launched
    LOST = "lost"  # worker, node or script went away first: not observed is not failed
    SKIPPED = "skipped"  # a task that it depends on has failed
    REMEMBERED = "remembered"  # the result came from Parsl's app cache or a checkpoint


ENDS = {TryState.LAUNCHED: frozenset(TryState) - {TryState.LAUNCHED}}
"""State -> states that may follow; an ended try stays as it is."""


@dataclass(slots=True)
class TaskTry:
    """One try of one task; ``number`` is 1 for the first.

    Times are in unix seconds by the workspace's clock, ``start`` too: a node's clock that is
    provably off is set right. ``seconds`` and ``cpu`` are of the call alone, ``memory`` in bytes
    is the peak of the worker process so far; ``grew`` says whether this call raised it.
    """

    task: str
    number: int
    app: str = ""
    executor: str = ""
    cluster: str = ""
    state: TryState = TryState.LAUNCHED
    called: float | None = None
    launched: float | None = None
    start: float | None = None
    seconds: float | None = None
    ended: float | None = None
    cpu: float | None = None
    memory: int | None = None
    grew: bool = False
    host: str = ""
    block: str = ""
    pool: str = ""
    worker: str = ""
    pid: int | None = None
    error: str = ""
    text: str = ""

    @property
    def queued(self) -> float | None:
        """Seconds from the launch to the start of the call; the way there and back is in it."""
        if self.start is None or self.launched is None:
            return None
        return max(0.0, self.start - self.launched)

    @property
    def waited(self) -> float | None:
        """Seconds from the call of the app to its launch: other tasks had to be done first."""
        if self.launched is None or self.called is None:
            return None
        return max(0.0, self.launched - self.called)

    @property
    def end(self) -> float | None:
        """When the call was over; when its end was noticed, where it was not measured."""
        if self.start is not None and self.seconds is not None:
            return self.start + self.seconds
        return self.ended


def read_tries(folder: Path, *, over: bool) -> list[TaskTry]:
    """Return all tries of a run, in the order of their launch.

    Args:
        folder: ``tasks`` of the run folder; may be missing.
        over: the run has ended: what was launched and never came back is lost.

    """
    found: list[TaskTry] = []
    files = [file for file in folder.glob("*.jsonl") if file.stem.isdigit()]
    files.sort(key=lambda file: int(file.stem))
    for file in files:
        load = "" if file.stem == "1" else f"{file.stem}:"
        found += fold_rows((row for row, _ in read_lines(file)), load, over=over)
    found.sort(key=lambda each: each.launched or 0.0)
    _set_clocks_right(found)
    return found


def fold_rows(
    rows: Iterable[dict[str, Any]], load: str = "", *, over: bool = False
) -> Iterator[TaskTry]:
    """Yield the tries that the rows of one file tell of.

    Rows and facts that it does not know, and facts that are malformed, change nothing.

    Args:
        rows: in the order in which they were written.
        load: put before the numbers of the tasks: each ``towline.load()`` counts its own.
        over: no more rows will come.

    """
    tries: dict[tuple[Any, Any], TaskTry] = {}
    places: dict[str, str] = {}
    last = 0.0
    for row in rows:
        with contextlib.suppress(*_MALFORMED):
            if isinstance(row.get("executors"), dict):
                places.update(row["executors"])
            over = over or row.get("closed") is True
            last = max(last, float(row["time"]))
            _step(tries, row, load)
    for each in tries.values():
        each.cluster = str(places.get(each.executor) or "")
        if over and each.state is TryState.LAUNCHED:
            each.state, each.ended = TryState.LOST, last
            each.text = "the run ended first"
        yield each


_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


def _step(tries: dict[tuple[Any, Any], TaskTry], row: dict[str, Any], load: str) -> None:
    if "task" not in row:
        return
    state, time = TryState(row["state"]), float(row["time"])
    key = (row["task"], int(row.get("try", 0)))
    each = tries.get(key)
    if each is None:
        each = tries[key] = TaskTry(f"{load}{key[0]}", key[1] + 1)
    if state is TryState.LAUNCHED:
        each.app, each.executor = str(row.get("app", "")), str(row.get("executor", ""))
        each.launched, each.called = time, _number(row.get("called"))
        return
    if state not in ENDS.get(each.state, ()):
        return
    each.state, each.ended = state, time
    each.start, each.seconds = _number(row.get("start")), _number(row.get("seconds"))
    each.cpu, each.grew = _number(row.get("cpu")), row.get("grew") is True
    for name in ("memory", "pid"):
        value = _number(row.get(name))
        setattr(each, name, None if value is None else int(value))
    for name in ("host", "block", "pool", "worker", "error", "text"):
        if name in row:
            setattr(each, name, str(row[name]))


def _number(value: Any) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and -1e18 < value < 1e18:
        return float(value)
    return None


def _set_clocks_right(tries: list[TaskTry]) -> None:
    wrong = offsets(tries)
    for each in tries:
        if each.start is not None:
            each.start -= wrong.get((each.cluster, each.host), 0.0)
