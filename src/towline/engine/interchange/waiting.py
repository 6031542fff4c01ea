"""Tasks on their way to an interchange that may be lost and replaced."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from typing import Any

from parsl.executors.high_throughput.zmq_pipes import TasksOutgoing
from zmq.error import Again


class WaitingTasks:
    """Stands in for the executor's ``TasksOutgoing``; keeps tasks while there is no interchange.

    Not for several threads at once.
    """

    def __init__(self, outgoing: TasksOutgoing) -> None:
        self._outgoing = outgoing
        self._waiting: deque[Any] = deque()
        self._paused = False

    @property
    def zmq_socket(self) -> Any:
        """Parsl's own socket."""
        return self._outgoing.zmq_socket

    def put(self, message: Any) -> None:
        """Send a task, or keep it until there is an interchange again."""
        if not self._paused:
            try:
                self._outgoing.put(message)
            except Again:  # nobody is there: whoever notices replaces it
                self._paused = True
            else:
                return
        self._waiting.append(message)

    def pause(self) -> None:
        """Keep what comes from now on."""
        self._paused = True

    def resume(self) -> None:
        """Send what has waited, and what comes from now on."""
        self._paused = False
        waiting, self._waiting = self._waiting, deque()
        for message in waiting:
            self.put(message)

    def close(self) -> None:
        """Close Parsl's socket."""
        self._outgoing.close()


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
