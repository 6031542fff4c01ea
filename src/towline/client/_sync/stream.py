"""Events of a server, over as many connections as it takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx2

from towline.client.core.calls import NoAnswer
from towline.client.core.http import NO_ANSWER, STREAM_TIMEOUT, no_answer
from towline.client.core.streams import EventStream

if TYPE_CHECKING:
    from towline.client._sync.client import Client


def events_of(client: Client, stream: EventStream) -> Iterator[tuple[str, str]]:
    """Yield the events of a stream, name and data, over as many connections as it takes."""
    while True:
        with client._transport.open(stream.call(), STREAM_TIMEOUT) as reply:
            if isinstance(reply, httpx2.Response):
                stream.opened()
                try:
                    for event in httpx2.EventSource(reply):
                        stream.seen(event.id)
                        yield event.event, event.data
                    reply = NoAnswer("the stream ended early", sent=True)
                except NO_ANSWER as error:
                    reply = no_answer(error)
        time.sleep(stream.pause_after(reply))
