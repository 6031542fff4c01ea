"""Which worker did what when: the rows of a picture, before anything is drawn."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from towline.runs.tasks.tries import TaskTry, TryState
from towline.runs.view import RunView

MOST_SIDE_BY_SIDE = 8
"""Rows for the tries of an executor and host of which no worker is known; the rest is counted."""


class By(Enum):
    """What a row stands for; ``auto``: the finest that fits."""

    AUTO = "auto"
    WORKER = "worker"
    NODE = "node"
    CLUSTER = "cluster"


class Bar(NamedTuple):
    """One try on a worker, from ``start`` to ``end`` (unix seconds)."""

    start: float
    end: float
    each: TaskTry

    @property
    def bad(self) -> bool:
        """Whether it failed or was lost."""
        return self.each.state in (TryState.FAILED, TryState.LOST)


@dataclass
class Row:
    """A worker, or all workers of a node or cluster; bars in the order of their start."""

    label: str
    bars: list[Bar]
    workers: int = 1

    @property
    def busy(self) -> float:
        """Seconds of work, of all its workers together."""
        return sum(bar.end - bar.start for bar in self.bars)


class Block(NamedTuple):
    """A batch job: queued from ``submitted``, with workers from ``started`` (None: not yet)."""

    label: str
    submitted: float
    started: float | None
    ended: float
    reason: str


@dataclass
class Group:
    """One cluster's blocks and rows."""

    cluster: str
    blocks: list[Block] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)


@dataclass
class Timeline:
    """A picture of a run; times in unix seconds, ``apps`` with the most frequent first."""

    begin: float
    end: float
    groups: list[Group]
    apps: dict[str, int]
    by: By
    unplaced: int

    @property
    def seconds(self) -> float:
        """The time that the picture spans; never 0."""
        return max(self.end - self.begin, 1e-3)

    @property
    def not_drawn(self) -> str:
        """In words, how many tries have no bar; nothing when all have one."""
        if not self.unplaced:
            return ""
        number = "1 try is" if self.unplaced == 1 else f"{self.unplaced:,} tries are"
        return f"{number} not drawn: never run, or when is not known (yet)"

    @property
    def rows(self) -> list[Row]:
        """The rows of all clusters."""
        return [row for group in self.groups for row in group.rows]


_Key = tuple[str, str, str, str, str]
"""Cluster, host, executor, block, worker."""


def timeline(
    tries: Sequence[TaskTry], view: RunView, now: float, by: By = By.AUTO, most: int = 40
) -> Timeline:
    """Return the picture of a run.

    Args:
        tries: of its tasks.
        view: of the run; its blocks are drawn, too.
        now: ends what has not ended.
        by: what a row stands for.
        most: rows that ``auto`` may take.

    """
    lanes = _lanes(tries)
    drawn = [bar.each for bars in lanes.values() for bar in bars]
    if by is By.AUTO:
        sizes = {By.WORKER: len(lanes), By.NODE: len({key[:2] for key in lanes})}
        by = next((each for each, size in sizes.items() if size <= most), By.CLUSTER)
    blocks = _blocks(view, min(now, view.ended or now))
    clusters = dict.fromkeys([*view.clusters, *blocks, *(key[0] for key in lanes)])
    rows = _rows(lanes, by)
    groups = [Group(name, blocks.get(name, []), rows.get(name, [])) for name in clusters]
    groups = [group for group in groups if group.blocks or group.rows]
    moments = [bar.start for bars in lanes.values() for bar in bars]
    moments += [block.submitted for group in groups for block in group.blocks]
    moments += [bar.end for bars in lanes.values() for bar in bars]
    moments += [block.ended for group in groups for block in group.blocks]
    apps = Counter(each.app for each in drawn)
    return Timeline(
        begin=min(moments, default=view.created),
        end=max(moments, default=view.created),
        groups=groups,
        apps=dict(sorted(apps.items(), key=lambda item: (-item[1], item[0]))),
        by=by,
        unplaced=len(tries) - len(drawn),
    )


def _lanes(tries: Iterable[TaskTry]) -> dict[_Key, list[Bar]]:
    """Return each worker's bars; tries that no worker is known of are laid side by side."""
    lanes: dict[_Key, list[Bar]] = {}
    later: list[tuple[float, float, TaskTry]] = []
    for each in tries:
        if each.start is not None and each.seconds is not None:
            key = (each.cluster, each.host, each.executor, each.block, each.worker)
            bar = Bar(each.start, each.start + each.seconds, each)
            lanes.setdefault(key, []).append(bar)
        elif each.launched is not None and each.ended is not None and each.ended > each.launched:
            later.append((each.launched, each.ended, each))
    for bars in lanes.values():
        bars.sort(key=_span)
    same = {key[:3] + key[4:]: key for key in lanes}
    for launched, ended, each in sorted(later, key=lambda item: item[:2]):
        lane = same.get((each.cluster, each.host, each.executor, each.worker))
        if each.state is TryState.LOST and lane is not None:
            # its start was not observed: after what its worker had done before
            before = [bar.end for bar in lanes[lane] if bar.end <= ended]
            begin = max([launched, *before[-1:]])
            lanes[lane].append(Bar(begin, ended, each))
            lanes[lane].sort(key=_span)
        elif each.host or each.state in (TryState.DONE, TryState.FAILED):
            _side_by_side(lanes, each, launched, ended)
    return lanes


def _span(bar: Bar) -> tuple[float, float]:
    return bar.start, bar.end


def _side_by_side(
    lanes: dict[_Key, list[Bar]], each: TaskTry, launched: float, ended: float
) -> None:
    for number in range(1, MOST_SIDE_BY_SIDE + 1):
        key = (each.cluster, each.host, each.executor, "", f"#{number}")
        bars = lanes.setdefault(key, [])
        if not bars or bars[-1].end <= launched:
            bars.append(Bar(launched, ended, each))
            return


def _rows(lanes: dict[_Key, list[Bar]], by: By) -> dict[str, list[Row]]:
    together: dict[tuple[str, str], Row] = {}
    several = Counter(key[:2] + key[4:] for key in lanes)
    for key in sorted(lanes, key=lambda key: [_natural(part) for part in key]):
        cluster, host, executor, block, worker = key
        label = host or executor
        if by is By.CLUSTER:
            label = "all workers"
        elif by is By.WORKER:
            which = f"{executor}/{block}:" if block and several[key[:2] + key[4:]] > 1 else ""
            label = f"{label} {which}{worker}".strip()
        row = together.setdefault((cluster, label), Row(label, [], 0))
        row.bars += lanes[key]
        row.workers += 1
    rows: dict[str, list[Row]] = {}
    for (cluster, _), row in together.items():
        row.bars.sort(key=_span)
        rows.setdefault(cluster, []).append(row)
    return rows


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Return a key by which n2 comes before n10."""
    parts = re.findall(r"\d+|\D+", text)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def _blocks(view: RunView, end: float) -> dict[str, list[Block]]:
    found: dict[str, list[Block]] = {}
    for executor in view.executors.values():
        for block in executor.blocks.values():
            if block.submitted is None:
                continue
            job = f" {block.job_id}" if block.job_id else ""
            ended = max(block.submitted, block.ended or end)
            drawn = Block(
                f"{executor.label}/{block.number}{job}",
                block.submitted,
                block.started,
                ended,
                block.reason,
            )
            found.setdefault(executor.cluster, []).append(drawn)
    return found


def steps(seconds: float, most: int) -> list[float]:
    """Return round moments from 0 to ``seconds``, ``most`` at most, for an axis of time."""
    nice = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800]
    nice += [3600 * hours for hours in (1, 2, 3, 6, 12, 24, 48, 168, 720, 8760, 87600)]
    step = next((each for each in nice if seconds / each <= max(1, most)), nice[-1])
    return [step * index for index in range(min(int(seconds / step), most) + 1)]
