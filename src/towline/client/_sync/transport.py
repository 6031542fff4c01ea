"""Move the calls of operations over real sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import httpx2

from towline.client.core.address import Address
from towline.client.core.calls import Answer, Call, NoAnswer, Pause, Reply, Steps
from towline.client.core.http import NO_ANSWER, TIMEOUT, answer_of, mounts_of, no_answer, request_of

Value = TypeVar("Value")


class SyncTransport:
    """Sends calls, and waits where they say so.

    Args:
        address: where to.
        transport: what carries requests in place of sockets.

    """

    def __init__(self, address: Address, transport: httpx2.BaseTransport | None = None) -> None:
        self._address = address
        self._http = httpx2.Client(
            transport=transport,
            timeout=TIMEOUT,
            follow_redirects=False,
            mounts=mounts_of(address),
        )

    def run(self, steps: Steps[Value]) -> Value:
        """Return what an operation comes to."""
        reply: Reply = None
        while True:
            try:
                step = steps.send(reply)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            if isinstance(step, Pause):
                time.sleep(step.seconds)
                reply = None
            else:
                reply = self._send(step)

    def _send(self, call: Call) -> Answer | NoAnswer:
        address = self._address.now()
        try:
            request = self._http.build_request(**request_of(call, address))
            response = self._http.send(request)
        except NO_ANSWER as error:
            return no_answer(error)
        if response.status_code == 401 and self._address.now() != address:
            return self._send(call)  # restarted in between: it has a new key
        return answer_of(response, response.content)

    @contextmanager
    def open(
        self, call: Call, timeout: httpx2.Timeout
    ) -> Iterator[httpx2.Response | Answer | NoAnswer]:
        """Yield a response whose body is still to come, or what came in its place."""
        address = self._address.now()
        request = self._http.build_request(**request_of(call, address), timeout=timeout)
        try:
            response = self._http.send(request, stream=True)
        except NO_ANSWER as error:
            yield no_answer(error)
            return
        try:
            if response.status_code < 300:
                yield response
                return
            if response.status_code == 401 and self._address.now() != address:
                with self.open(call, timeout) as again:  # restarted: it has a new key
                    yield again
                return
            try:
                answer: Answer | NoAnswer = answer_of(response, response.read())
            except NO_ANSWER as error:
                answer = no_answer(error)
            yield answer
        finally:
            response.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()
