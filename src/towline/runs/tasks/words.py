"""Measures of tasks as people read them."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable

from towline.runs.render import duration
from towline.runs.tasks.tries import TaskTry, TryState


def short_time(seconds: float | None) -> str:
    """Return a span of time, of very short ones too: ``3 ms``, ``0.4 s``, ``2:13``; or nothing."""
    if seconds is None:
        return ""
    if seconds < 0.0005:
        return "<1 ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.0995 else duration(seconds)


def size(amount: float | None) -> str:
    """Return bytes in MB or GB; or nothing."""
    if amount is None:
        return ""
    return f"{amount / 1e9:.2f} GB" if amount >= 1e9 else f"{amount / 1e6:.0f} MB"


def memory(each: TaskTry) -> str:
    """Return the memory of a try; ``≤``: an earlier task of the same worker had used as much."""
    if each.memory is None:
        return ""
    return size(each.memory) if each.grew else f"≤ {size(each.memory)}"


def counts(tries: Iterable[TaskTry]) -> str:
    """Return how the tasks stand, by their last try: ``20 tasks: 18 done, 1 failed, 1 lost``."""
    last = {each.task: each for each in tries}
    again = sum(each.number > 1 for each in last.values())
    states = Counter(each.state for each in last.values())
    words = [f"{states[state]} {state.value}" for state in TryState if states[state]]
    if again:
        words.append(f"{again} tried again")
    return f"{len(last)} {'task' if len(last) == 1 else 'tasks'}: {', '.join(words) or 'none'}"


def overview(tries: Iterable[TaskTry]) -> str:
    """Return in words how long tasks queued and ran, where that was measured; or nothing."""
    measured = [each for each in tries if each.seconds is not None]
    if not measured:
        return ""
    queued = statistics.median(each.queued or 0.0 for each in measured)
    ran = statistics.median(each.seconds or 0.0 for each in measured)
    workers = len({(each.cluster, each.host, each.block, each.worker) for each in measured})
    words = f"median {short_time(queued)} queued, {short_time(ran)} run"
    return f"{words}, on {workers} {'worker' if workers == 1 else 'workers'}"
