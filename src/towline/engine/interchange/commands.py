"""Parsl's questions to an interchange that is far away, answered at once.

Parsl's scaling thread asks each executor in turn and waits for the answer. Over a link that may be
down for minutes that would hold up all other clusters: here a thread asks, and Parsl gets the
answer of a moment ago.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from parsl.executors.high_throughput.zmq_pipes import CommandClient
from zmq.constants import PollEvent
from zmq.error import ZMQError

QUESTIONS = ("MANAGERS", "CONNECTED_BLOCKS")
"""Asked every second; what else Parsl asks is asked when it does."""

ASK_SECONDS = 1.0
LOOK_MILLISECONDS = 200
FIRST_ANSWER_SECONDS = 10.0
CLOSE_SECONDS = 3.0
SILENT_SECONDS = 10.0
"""Without an answer for so long, somebody looks whether the interchange lives."""


class PatientCommands:
    """Stands in for the executor's ``CommandClient``; owns its socket from now on.

    Args:
        client: Parsl's.
        silent: called again and again, from the thread, while an answer is long overdue.

    """

    def __init__(self, client: CommandClient, silent: Callable[[], None]) -> None:
        self._client = client
        self._silent = silent
        self._answers: dict[str, Any] = {}
        self._fresh = threading.Condition()
        self._wishes: queue.Queue[Any] = queue.Queue()
        self._stop = threading.Event()
        self._renew = threading.Event()
        self._connected: dict[str, None] = {}  # blocks, also those of an interchange that is lost
        self._thread = threading.Thread(
            target=self._ask_on, name="interchange commands", daemon=True
        )
        self._thread.start()

    def run(self, message: Any, max_retries: int = 3, timeout_s: float | None = None) -> Any:
        """Answer from what is known; pass an order on without waiting for it.

        Raises:
            TimeoutError: the interchange has never answered this.

        """
        if not isinstance(message, str):
            self._wishes.put(message)  # an order, such as to hold a manager: it has no answer
            return None
        if message not in QUESTIONS and message not in self._answers:
            self._wishes.put(message)
        with self._fresh:
            limit = FIRST_ANSWER_SECONDS if timeout_s is None else timeout_s
            if not self._fresh.wait_for(lambda: message in self._answers, limit):
                raise TimeoutError(f"the interchange has not answered {message} in {limit:.0f} s")
            return self._answers[message]

    def renew(self) -> None:
        """Ask a new interchange from now on; what was asked of the old one is forgotten.

        It has no managers yet: that is said without asking, as it may not be reached for long.
        """
        with self._fresh:
            self._answers = {"MANAGERS": [], "CONNECTED_BLOCKS": list(self._connected)}
            self._renew.set()

    def close(self) -> None:
        """Ask no more, and close Parsl's socket; twice is fine.

        A look at a cluster that is cut off may take a minute: it is not waited for, and the socket,
        which is the thread's, is closed by it.
        """
        self._stop.set()
        self._thread.join(CLOSE_SECONDS)

    def _ask_on(self) -> None:
        try:
            self._ask_until_closed()
        finally:
            self._client.close()

    def _ask_until_closed(self) -> None:
        while not self._stop.is_set():
            for question in QUESTIONS:
                self._ask(question)
            try:
                self._ask(self._wishes.get(timeout=ASK_SECONDS))
            except queue.Empty:
                continue

    def _ask(self, message: Any) -> None:
        """Ask and wait as long as it takes: over the link, the answer will come."""
        if self._renew.is_set():
            self._renew_socket()
        socket = self._client.zmq_socket
        if not self._wait_until(PollEvent.POLLOUT):
            return
        socket.send_pyobj(message)
        if not self._wait_until(PollEvent.POLLIN):
            return
        answer = socket.recv_pyobj()
        if message == "CONNECTED_BLOCKS":
            self._connected |= dict.fromkeys(answer)
            answer = list(self._connected)
        if isinstance(message, str):
            with self._fresh:
                if not self._renew.is_set():  # else it is the old interchange's answer
                    self._answers[message] = answer
                self._fresh.notify_all()

    def _wait_until(self, ready: int) -> bool:
        """Wait until the socket is ready; False when there is nobody to wait for any more."""
        waited = 0.0
        while not self._stop.is_set() and not self._renew.is_set():
            if self._client.zmq_socket.poll(LOOK_MILLISECONDS, ready):
                return True
            waited += LOOK_MILLISECONDS / 1000
            if waited >= SILENT_SECONDS:
                waited = 0.0
                self._silent()
        return False

    def _renew_socket(self) -> None:
        """Forget a question that nobody will answer: its socket takes no other before."""
        self._renew.clear()
        self._client.zmq_socket.close(0)
        while not self._stop.is_set():
            try:
                self._client.create_socket_and_bind()
            except ZMQError:  # ZeroMQ closes in its own time
                self._stop.wait(LOOK_MILLISECONDS / 1000)
            else:
                return
