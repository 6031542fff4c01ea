"""How many tasks a node holds beyond its workers: many of the short ones, none of the long.

A worker that asks for its next task only when it has finished waits a round trip each time. Tasks
sent ahead spare that, but one sent ahead behind a long task waits for it while other nodes idle.
So only calls of functions that were just seen to be short are sent ahead, and only while no worker
anywhere is free.

The interchange runs this file, on the workspace or on a controller that has no Towline: it imports
nothing but Parsl.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from parsl.executors.high_throughput.manager_record import ManagerRecord
from parsl.executors.high_throughput.manager_selector import ManagerSelector

MOST_AHEAD = 512
"""Tasks that a node is ever sent beyond its workers; its manager must be started to take these."""

SHORT_STAY = 0.2
"""Seconds on a node, its run included, up to which a task makes room for more ahead."""

LONG_STAY = 0.4
"""Seconds from which on a task halves what is sent ahead."""

ENDLESS_STAY = 1.0
"""Seconds from which on a function counts as long: none of its calls is sent ahead."""

CALLS_TO_TRUST = 3
"""Short calls of a function before any is sent ahead."""

CALLS_TO_FORGIVE = 100
"""Short calls of a function, after a long one, before any is sent ahead again."""

MOST_FUNCTIONS = 1000
"""Functions remembered; then all are forgotten and learnt again."""

LOOK_SECONDS = 0.005
"""Between two looks at what a manager has finished."""


@dataclass
class Function:
    """What is known of one function's calls; ``trust`` counts the short ones."""

    trust: int = 0

    @property
    def short(self) -> bool:
        """True when calls may be sent ahead."""
        return self.trust >= CALLS_TO_TRUST

    def learn(self, stay: float) -> None:
        """Take note of seconds that a call has spent on a node so far."""
        if stay >= ENDLESS_STAY:
            self.trust = CALLS_TO_TRUST - CALLS_TO_FORGIVE
        elif stay < LONG_STAY:
            self.trust += 1


@dataclass
class Share:
    """What one manager holds, and how far ahead it is fed.

    Attributes:
        held: task id -> (function, when it was sent), oldest first.

    """

    ahead: int = 0
    held: dict[int, tuple[Function, float]] = field(default_factory=dict)
    looked: float = 0.0
    calm_until: float = 0.0

    def look(self, tasks: Sequence[int], now: float, round_trip: float) -> None:
        """Learn from the tasks that have left, and from the oldest that has not."""
        self.looked = now
        finished = self.held.keys() - set(tasks)
        for task in finished:
            function, sent = self.held.pop(task)
            stay = now - sent - round_trip
            function.learn(stay)
            self._pace(stay, now)
        for function, sent in self.held.values():
            if now - sent - round_trip >= ENDLESS_STAY:
                function.learn(ENDLESS_STAY)
            break

    def _pace(self, stay: float, now: float) -> None:
        if stay < SHORT_STAY:
            self.ahead = min(self.ahead + 1, MOST_AHEAD)
        elif stay > LONG_STAY and now >= self.calm_until:
            self.ahead //= 2
            self.calm_until = now + stay  # those sent before the cut tell nothing new


class ShortTasksAhead(ManagerSelector):
    """Parsl's place to choose managers, used to choose how full each may be as well.

    The least loaded manager comes first. A full manager is topped up a quarter at a time: one
    message then carries many tasks.

    Args:
        round_trip: seconds between interchange and managers; not the tasks' fault.
        clock: returns seconds.

    """

    def __init__(
        self, round_trip: float = 0.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.round_trip = round_trip
        self._clock = clock
        self._pending: Sequence[tuple[Any, ...]] = ()
        self._shares: dict[bytes, Share] = {}
        self._functions: dict[bytes, Function] = {}

    def watch(self, pending: Sequence[tuple[Any, ...]]) -> None:
        """Look at the interchange's queue from now on, whose next task is the last item's last.

        Without it nothing is sent ahead.
        """
        self._pending = pending

    def sort_managers(
        self, ready_managers: dict[bytes, ManagerRecord], manager_list: set[bytes]
    ) -> list[bytes]:
        """Return managers to send tasks to, last one first; sets the ``max_capacity`` of each."""
        self._shares = {key: self._shares.get(key) or Share() for key in ready_managers}
        now = self._clock()
        for key, share in self._shares.items():
            if now - share.looked >= LOOK_SECONDS:
                share.look(ready_managers[key]["tasks"], now, self.round_trip)
        free = {key: _free_workers(record) for key, record in ready_managers.items()}
        all_free = sum(free.values())
        order = sorted(manager_list, key=lambda key: (-free[key], random.random()))  # noqa: S311
        taken = 0
        for key in order:
            record, share = ready_managers[key], self._shares[key]
            held = len(record["tasks"])
            all_free -= free[key]
            count = free[key] and min(free[key], len(self._pending) - taken)
            if self._pending and record["active"] and not record["draining"]:
                ahead = self._ahead(share, record, held + count, taken + count, all_free)
                self._note(share, taken, count + ahead, now)
                taken += count + ahead
                record["max_capacity"] = held + count + ahead
            else:
                record["max_capacity"] = max(held, record["worker_count"])
        return order[::-1]

    def _ahead(
        self, share: Share, record: ManagerRecord, held: int, taken: int, reserved: int
    ) -> int:
        """Return how many tasks to send beyond the workers: the next in the queue, all short."""
        full = int(record["worker_count"]) + share.ahead
        if held < record["worker_count"] or (full - held) * 4 < full:
            return 0
        most = min(full - held, len(self._pending) - taken - reserved)
        for count in range(most):
            if not self._function(self._pending[-1 - taken - count][-1]).short:
                return count
        return max(most, 0)

    def _note(self, share: Share, taken: int, count: int, now: float) -> None:
        for place in range(taken, taken + count):
            task = self._pending[-1 - place][-1]
            share.held[task["task_id"]] = (self._function(task), now)

    def _function(self, task: dict[str, Any]) -> Function:
        """Return what is known of a task's function: the first part of its buffer names it."""
        buffer: bytes = task["buffer"]
        digits = buffer[:20].partition(b"\n")[0]
        if not digits.isdigit():  # serialised by somebody else
            return Function()
        if len(self._functions) >= MOST_FUNCTIONS:
            self._functions.clear()
        return self._functions.setdefault(buffer[: len(digits) + 1 + int(digits)], Function())


def _free_workers(record: ManagerRecord) -> int:
    if not record["active"] or record["draining"]:
        return 0
    return max(0, int(record["worker_count"]) - len(record["tasks"]))
