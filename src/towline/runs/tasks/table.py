"""Choose, sort and sum up the tries of a run."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from towline.runs.tasks.tries import TaskTry, TryState


class SortBy(Enum):
    """What a list of tries is sorted by; measures with the largest first."""

    LAUNCHED = "launched"
    TASK = "task"
    QUEUED = "queued"
    RAN = "ran"
    CPU = "cpu"
    MEMORY = "memory"


_MEASURES: dict[SortBy, Callable[[TaskTry], float | None]] = {
    SortBy.QUEUED: lambda each: each.queued,
    SortBy.RAN: lambda each: each.seconds,
    SortBy.CPU: lambda each: each.cpu,
    SortBy.MEMORY: lambda each: each.memory,
}


def choose(
    tries: Iterable[TaskTry],
    apps: Collection[str] = (),
    states: Collection[TryState] = (),
    clusters: Collection[str] = (),
) -> list[TaskTry]:
    """Return the tries of some apps, states and clusters; of all where none is given."""
    return [
        each
        for each in tries
        if (not apps or each.app in apps)
        and (not states or each.state in states)
        and (not clusters or each.cluster in clusters)
    ]


def arrange(tries: Sequence[TaskTry], by: SortBy, limit: int = 0) -> list[TaskTry]:
    """Return at most ``limit`` tries (0: all): the latest, or those with the largest measure."""
    if by is SortBy.LAUNCHED or by is SortBy.TASK:
        ordered = sorted(tries, key=_task_number) if by is SortBy.TASK else list(tries)
        return ordered[-limit:]
    measure = _MEASURES[by]
    ordered = sorted(tries, key=lambda each: -1.0 if (m := measure(each)) is None else m)
    return ordered[::-1][: limit or None]


def _task_number(each: TaskTry) -> tuple[Any, ...]:
    load, _, number = each.task.rpartition(":")
    return (len(load), load, 0 if number.isdigit() else 1, len(number), number, each.number)


@dataclass(frozen=True)
class Spread:
    """Median and 95th percentile of some measures; in their unit."""

    median: float
    p95: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """Return the spread of measures; None when there are none."""
        if not values:
            return None
        ordered = sorted(values)
        return cls(statistics.median(ordered), ordered[-(-len(ordered) * 95 // 100) - 1])


@dataclass(frozen=True)
class Summary:
    """The tries of one app on one cluster; times in seconds, memory in bytes."""

    app: str
    cluster: str
    tasks: int
    done: int
    failed: int
    lost: int
    unfinished: int
    again: int
    queued: Spread | None
    ran: Spread | None
    cpu: float | None
    memory: int | None


def summarise(tries: Iterable[TaskTry]) -> list[Summary]:
    """Return a summary for each app on each cluster, sorted by both."""
    groups: dict[tuple[str, str], list[TaskTry]] = {}
    for each in tries:
        groups.setdefault((each.app, each.cluster), []).append(each)
    return [_summary(app, cluster, group) for (app, cluster), group in sorted(groups.items())]


def _summary(app: str, cluster: str, group: list[TaskTry]) -> Summary:
    def number(*states: TryState) -> int:
        return sum(each.state in states for each in group)

    cpu = [each.cpu for each in group if each.cpu is not None]
    return Summary(
        app,
        cluster,
        tasks=len({each.task for each in group}),
        done=number(TryState.DONE, TryState.REMEMBERED),
        failed=number(TryState.FAILED, TryState.SKIPPED),
        lost=number(TryState.LOST),
        unfinished=number(TryState.LAUNCHED),
        again=sum(each.number > 1 for each in group),
        queued=Spread.of([q for each in group if (q := each.queued) is not None]),
        ran=Spread.of([each.seconds for each in group if each.seconds is not None]),
        cpu=sum(cpu) if cpu else None,
        memory=max((each.memory for each in group if each.memory is not None), default=None),
    )


FIELDS = tuple(field.name for field in fields(TaskTry))[2:]


def as_record(each: TaskTry) -> dict[str, Any]:
    """Return a try for programs: seconds, bytes, unix times; None for what is not known."""
    record: dict[str, Any] = {"task": each.task, "try": each.number}
    record |= {name: getattr(each, name) for name in FIELDS}
    return record | {"state": each.state.value, "waited": each.waited, "queued": each.queued}
