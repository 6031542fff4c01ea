"""Tasks on their way to an interchange that may be lost and replaced."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import Any

from parsl.executors.high_throughput.zmq_pipes import TasksOutgoing
from zmq.constants import PollEvent
from zmq.error import Again

RETRY_SECONDS = 1.0
"""Between looks whether an interchange that took no task for a while takes them again."""


class WaitingTasks:
    """Stands in for the executor's ``TasksOutgoing``; keeps tasks while there is no interchange.

    Not for several threads at once.

    Args:
        outgoing: Parsl's.
        sending: held by whoever calls; taken to send what has waited.

    """

    def __init__(self, outgoing: TasksOutgoing, sending: threading.Lock) -> None:
        self._outgoing = outgoing
        self._sending = sending
        self._waiting: deque[Any] = deque()
        self._paused = False
        self._stuck = False
        self._closed = False

    @property
    def zmq_socket(self) -> Any:
        """Parsl's own socket."""
        return self._outgoing.zmq_socket

    def put(self, message: Any) -> None:
        """Send a task, or keep it until there is an interchange again."""
        if not self._paused and not self._stuck:
            try:
                self._outgoing.put(message)
            except Again:  # the way there is cut, or nobody is there: then it will be replaced
                self._stuck = True
                self._look_again_later()
            else:
                return
        self._waiting.append(message)

    def pause(self) -> None:
        """Keep what comes from now on."""
        self._paused = True

    def resume(self) -> None:
        """Send what has waited, and what comes from now on."""
        self._paused = self._stuck = False
        waiting, self._waiting = self._waiting, deque()
        for message in waiting:
            self.put(message)

    def close(self) -> None:
        """Close Parsl's socket."""
        self._closed = True
        self._outgoing.close()

    def _look_again_later(self) -> None:
        timer = threading.Timer(RETRY_SECONDS, self._look_again)
        timer.daemon = True
        timer.start()

    def _look_again(self) -> None:
        with self._sending:
            if self._closed or self._paused or not self._stuck:
                return
            if self._outgoing.zmq_socket.poll(0, PollEvent.POLLOUT):
                self.resume()
            else:
                self._look_again_later()


class OutstandingTasks(dict[object, "Future[Any]"]):
    """Task id -> future; one that was given up may still be answered, into the void."""

    def pop(self, key: object, *default: Any) -> Any:
        """Remove a future; return one that nobody waits for when it is not there any more."""
        return super().pop(key, *(default or (Future(),)))

    def give_up(self) -> list[Future[Any]]:
        """Forget all tasks; return their futures."""
        futures = []
        while self:
            try:  # one by one: an answer may come meanwhile, and its future is then nobody else's
                futures.append(self.popitem()[1])
            except KeyError:
                break
        return futures[::-1]
