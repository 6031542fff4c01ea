"""Tasks wait while there is no interchange, and are answered into the void once given up."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import Any

import pytest
from zmq.error import Again

from towline.engine.interchange import waiting
from towline.engine.interchange.waiting import OutstandingTasks, WaitingTasks


class Outgoing:
    """Takes what Parsl would send, unless nobody is there."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.peer = True
        self.zmq_socket = self

    def poll(self, timeout: int, flags: int) -> int:
        """Say whether there is somebody."""
        return flags if self.peer else 0

    def put(self, message: Any) -> None:
        """Send, or raise as a socket with a limit and no peer does."""
        if not self.peer:
            raise Again
        self.sent.append(message)


@pytest.fixture
def outgoing() -> Outgoing:
    """Parsl's queue of the test."""
    return Outgoing()


def test_tasks_are_sent_in_order_after_a_pause(outgoing: Outgoing) -> None:
    """Those that came meanwhile first."""
    tasks = WaitingTasks(outgoing, threading.Lock())  # type: ignore[arg-type]
    tasks.put(1)
    tasks.pause()
    tasks.put(2)
    tasks.put(3)
    assert outgoing.sent == [1]
    tasks.resume()
    tasks.put(4)
    assert outgoing.sent == [1, 2, 3, 4]


def test_task_that_finds_nobody_waits(outgoing: Outgoing) -> None:
    """It is no error; neither is a new interchange that is gone again at once."""
    tasks = WaitingTasks(outgoing, threading.Lock())  # type: ignore[arg-type]
    outgoing.peer = False
    for number in range(3):
        tasks.put(number)
    tasks.resume()
    assert outgoing.sent == []
    outgoing.peer = True
    tasks.resume()
    assert outgoing.sent == [0, 1, 2]


def test_interchange_that_is_back_takes_what_has_waited(
    outgoing: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was only out of reach for a while, and nobody replaces it."""
    monkeypatch.setattr(waiting, "RETRY_SECONDS", 0.01)
    sending = threading.Lock()
    tasks = WaitingTasks(outgoing, sending)  # type: ignore[arg-type]
    outgoing.peer = False
    with sending:
        tasks.put(1)
        tasks.put(2)
    outgoing.peer = True
    deadline = time.monotonic() + 20
    while len(outgoing.sent) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with sending:
        tasks.put(3)
    assert outgoing.sent == [1, 2, 3]


def test_late_answer_reaches_nobody() -> None:
    """A task that was given up may be answered all the same."""
    tasks = OutstandingTasks()
    waiting: Future[int] = Future()
    tasks[1] = waiting
    assert tasks.give_up() == [waiting]
    tasks.pop(1).set_result(7)
    assert not waiting.done()
    assert len(tasks) == 0


def test_answer_in_time_reaches_its_future() -> None:
    """As without us."""
    tasks = OutstandingTasks()
    tasks[1] = future = Future[int]()
    tasks.pop(1).set_result(7)
    assert future.result() == 7
