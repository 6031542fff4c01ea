"""Parsl's first question to a far interchange, which may be lost before it has ever answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from parsl.executors.high_throughput.zmq_pipes import CommandClient
from zmq.constants import PollEvent
from zmq.error import ZMQError

LOOK_MILLISECONDS = 200

LIMIT_SECONDS = 120.0
"""Where Parsl gives none."""


class FirstAnswer:
    """Stands in for ``CommandClient.run`` while an executor starts.

    Parsl's own would wait two minutes for one that is lost, and then fail the executor.

    Args:
        client: Parsl's.
        lost: says whether the interchange has been lost since it was started.
        again: starts another one, however long it takes; False when the run has ended.

    """

    def __init__(
        self, client: CommandClient, lost: Callable[[], bool], again: Callable[[], bool]
    ) -> None:
        self._client = client
        self._lost = lost
        self._again = again

    def __call__(self, message: Any, max_retries: int = 3, timeout_s: float | None = None) -> Any:
        """Ask, of a new interchange if need be.

        Raises:
            TimeoutError: no interchange has answered in time.

        """
        limit = timeout_s or LIMIT_SECONDS
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            if self._wait_until(PollEvent.POLLOUT, deadline):
                self._client.zmq_socket.send_pyobj(message)
                if self._wait_until(PollEvent.POLLIN, deadline):
                    return self._client.zmq_socket.recv_pyobj()
            if self._lost() and self._again():
                self._renew_socket(deadline)
        self._client.ok = False
        raise TimeoutError(f"the interchange has not answered {message} in {limit:.0f} s")

    def _wait_until(self, ready: int, deadline: float) -> bool:
        while time.monotonic() < deadline and not self._lost():
            if self._client.zmq_socket.poll(LOOK_MILLISECONDS, ready):
                return True
        return False

    def _renew_socket(self, deadline: float) -> None:
        """Forget the question that nobody will answer: the socket takes no other before."""
        self._client.zmq_socket.close(0)
        while time.monotonic() < deadline:
            try:
                self._client.create_socket_and_bind()
            except ZMQError:  # ZeroMQ closes in its own time
                time.sleep(LOOK_MILLISECONDS / 1000)
            else:
                return
