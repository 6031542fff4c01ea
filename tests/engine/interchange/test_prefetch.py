"""What is sent ahead to a node: short tasks in plenty, long ones never."""

from __future__ import annotations

import itertools
import pickle
import random
from collections import defaultdict
from typing import Any

import pytest
from parsl.executors.high_throughput.interchange import Interchange
from parsl.serialize import pack_apply_message
from sortedcontainers import SortedList

from towline.engine.interchange.prefetch import MOST_AHEAD, ShortTasksAhead

SECONDS = {"short": 0.001, "long": 3600.0, "middling": 0.3}


def short() -> None:
    """Be the short function of the tests."""


def long() -> None:
    """Be the long function of the tests."""


def middling() -> None:
    """Be the function of the tests that is neither."""


FUNCTIONS = {function.__name__: function for function in (short, long, middling)}


class Cluster:
    """Managers with workers that take simulated time, fed by Parsl's own dispatch."""

    def __init__(self, managers: int, workers: int, selector: ShortTasksAhead) -> None:
        self.now = 0.0
        selector._clock = lambda: self.now
        self.interchange: Any = Interchange.__new__(Interchange)
        self.interchange.pending_task_queue = SortedList(key=lambda entry: entry[:2])
        self.interchange.manager_selector = selector
        self.interchange.count = 0
        self.interchange.manager_sock = self
        selector.watch(self.interchange.pending_task_queue)
        self.interchange._ready_managers = {
            b"m%d" % number: {
                "tasks": [],
                "worker_count": workers,
                "max_capacity": workers + MOST_AHEAD,
                "active": True,
                "draining": False,
                "idle_since": 0.0,
            }
            for number in range(managers)
        }
        self.interesting = set(self.interchange._ready_managers)
        self.messages: list[tuple[bytes, list[str]]] = []
        self.names: dict[int, str] = {}
        self.busy_until: dict[bytes, list[float]] = defaultdict(lambda: [0.0] * workers)
        self.finishing: list[tuple[float, bytes, int]] = []
        self.ran: dict[bytes, list[str]] = defaultdict(list)
        self._ids = itertools.count(1)

    def send_multipart(self, parts: list[bytes]) -> None:
        """Take what Parsl's interchange sends to a manager."""
        manager, message = parts
        tasks = pickle.loads(message)  # noqa: S301
        self.messages.append((manager, [self.names[task["task_id"]] for task in tasks]))
        for task in tasks:
            name = self.names[task["task_id"]]
            workers = self.busy_until[manager]
            worker = workers.index(min(workers))
            workers[worker] = max(workers[worker], self.now) + SECONDS[name]
            self.finishing.append((workers[worker], manager, task["task_id"]))
            self.ran[manager].append(name)

    def submit(self, name: str, count: int) -> None:
        """Queue calls of a function."""
        for _ in range(count):
            task = next(self._ids)
            self.names[task] = name
            buffer = pack_apply_message(FUNCTIONS[name], (task,), {})
            entry = {"task_id": task, "context": {}, "buffer": buffer}
            self.interchange.pending_task_queue.add((-float("inf"), -task, entry))
        self.dispatch()

    def dispatch(self) -> None:
        """Let the interchange send what it will."""
        self.interchange.process_tasks_to_send(self.interesting, None)

    def run_until(self, seconds: float) -> None:
        """Let tasks finish, one result after another, until a time."""
        while self.finishing and min(self.finishing)[0] <= seconds:
            self.finishing.sort()
            self.now, manager, task = self.finishing.pop(0)
            self.interchange._ready_managers[manager]["tasks"].remove(task)
            self.interesting.add(manager)
            self.dispatch()
        self.now = max(self.now, seconds)

    def held(self) -> list[int]:
        """Return how many tasks each manager holds."""
        return [len(record["tasks"]) for record in self.interchange._ready_managers.values()]


@pytest.fixture
def selector() -> ShortTasksAhead:
    """A selector as the interchange gets it, pickled."""
    restored = pickle.loads(pickle.dumps(ShortTasksAhead()))  # noqa: S301
    assert isinstance(restored, ShortTasksAhead)
    return restored


def test_unknown_function_fills_the_workers_only(selector: ShortTasksAhead) -> None:
    """Nothing is sent ahead before a call has been seen to be short."""
    cluster = Cluster(managers=2, workers=4, selector=selector)
    cluster.submit("short", 1000)
    assert cluster.held() == [4, 4]


def test_short_tasks_go_ahead_many_in_a_message(selector: ShortTasksAhead) -> None:
    """Once known, short tasks keep a node busy with few messages, and all of them run."""
    cluster = Cluster(managers=1, workers=4, selector=selector)
    cluster.submit("short", 3000)
    cluster.run_until(60)
    assert len(cluster.ran[b"m0"]) == 3000
    late = [len(names) for _, names in cluster.messages[-10:]]
    assert max(late) > 20
    assert len(cluster.messages) < 1000


def test_long_tasks_are_never_sent_ahead(selector: ShortTasksAhead) -> None:
    """Each waits in the queue until a worker is free."""
    cluster = Cluster(managers=2, workers=4, selector=selector)
    cluster.submit("long", 100)
    for hour in range(1, 5):
        cluster.run_until(3600.0 * hour)
        assert cluster.held() == [4, 4]


def test_long_tasks_behind_short_ones_spread_over_all_nodes(selector: ShortTasksAhead) -> None:
    """When the short ones run out, no node hoards the long ones."""
    cluster = Cluster(managers=4, workers=4, selector=selector)
    cluster.submit("short", 4000)
    cluster.submit("long", 16)
    cluster.run_until(100)
    assert [names.count("long") for names in cluster.ran.values()] == [4, 4, 4, 4]


def test_function_that_turns_long_loses_its_trust(
    selector: ShortTasksAhead, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first call that does not end, no more of its calls are sent ahead."""
    cluster = Cluster(managers=1, workers=2, selector=selector)
    cluster.submit("short", 500)
    cluster.run_until(1)
    monkeypatch.setitem(SECONDS, "short", 100.0)
    cluster.submit("short", 50)
    cluster.run_until(50 / 2 * 100 + 10)
    cluster.submit("short", 50)
    cluster.run_until(cluster.now + 1000)
    assert cluster.held()[0] <= 2


def test_free_workers_come_first(selector: ShortTasksAhead) -> None:
    """While a worker anywhere is free, nothing waits behind another task."""
    cluster = Cluster(managers=2, workers=4, selector=selector)
    cluster.submit("short", 800)
    cluster.run_until(10)
    cluster.messages.clear()
    cluster.submit("short", 8)
    assert cluster.held() == [4, 4]


def test_middling_tasks_wait_for_little(selector: ShortTasksAhead) -> None:
    """What is sent ahead shrinks when tasks stay longer than a moment."""
    cluster = Cluster(managers=1, workers=4, selector=selector)
    cluster.submit("short", 2000)
    cluster.run_until(100)
    cluster.submit("middling", 400)
    cluster.run_until(cluster.now + 20)
    assert cluster.held()[0] <= 16


def test_without_the_queue_nothing_goes_ahead() -> None:
    """A Parsl that keeps its queue elsewhere is served as Parsl's own choice would."""
    selector = ShortTasksAhead()
    cluster = Cluster(managers=1, workers=4, selector=selector)
    selector.watch(())
    cluster.submit("short", 100)
    cluster.run_until(10)
    assert len(cluster.ran[b"m0"]) == 100
    assert max(len(names) for _, names in cluster.messages) <= 4


def test_draining_manager_gets_nothing(selector: ShortTasksAhead) -> None:
    """A manager that is about to leave is left alone."""
    cluster = Cluster(managers=2, workers=4, selector=selector)
    cluster.interchange._ready_managers[b"m0"]["draining"] = True
    cluster.submit("short", 100)
    cluster.run_until(10)
    assert not cluster.ran[b"m0"]
    assert len(cluster.ran[b"m1"]) == 100


def test_every_task_runs_once_whatever_the_mix(selector: ShortTasksAhead) -> None:
    """Nothing is lost or doubled, and nobody holds more than was planned."""
    choose = random.Random(7)  # noqa: S311
    cluster = Cluster(managers=3, workers=2, selector=selector)
    for _ in range(60):
        cluster.submit(choose.choice(["short", "short", "middling"]), choose.randrange(1, 40))
        cluster.run_until(cluster.now + choose.random())
    cluster.run_until(cluster.now + 4000)
    ran = [name for names in cluster.ran.values() for name in names]
    assert len(ran) == len(cluster.names)
    assert cluster.held() == [0, 0, 0]
