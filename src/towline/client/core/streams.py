"""An event stream that outlives its connections: it goes on after the last event it has seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from towline.client.core.calls import Answer, Call, NoAnswer, path_of
from towline.client.core.exchange import BUSY, Patience, pause_after, retry_after, unreachable
from towline.client.core.problems import error_of

SILENCE = 45.0
"""Seconds without a byte after which a connection is given up: the server sends one every 15 s."""


@dataclass
class EventStream:
    """Where a stream stands; the twins only move bytes.

    Args:
        path: of the stream, below ``/api/v1``.
        server: its address, for words.
        patience: how long it may be gone.
        query: of the first request; a later one says where it was by ``Last-Event-ID``.

    """

    path: str
    server: str
    patience: Patience
    query: Mapping[str, Any] = field(default_factory=dict)
    last_id: str = ""
    _tries: int = 0
    _since: float | None = None

    def call(self) -> Call:
        """Return the request that opens the stream, or opens it again."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        return Call("GET", self.path, self.query, headers=headers)

    def opened(self) -> None:
        """Note that the server has answered: it is there."""
        self.patience.answered = True
        self._since = None

    def seen(self, event_id: str) -> None:
        """Note that an event has come."""
        self._tries = 0
        if event_id:
            self.last_id = event_id

    def pause_after(self, reply: Answer | NoAnswer, call: Call | None = None) -> float:
        """Return the seconds to wait before the stream is opened again.

        Args:
            reply: what ended it: the connection, or an answer of 400 or more.
            call: what was asked, when it was not the stream itself.

        Raises:
            ServerUnreachable: it has been gone for too long.
            TowlineError: the server said no.

        """
        if isinstance(reply, Answer) and reply.status not in BUSY:
            raise error_of(call or self.call(), reply, self.server)
        asked = retry_after(reply) if isinstance(reply, Answer) else None
        why = f"HTTP {reply.status}" if isinstance(reply, Answer) else reply.why
        now = self.patience.clock()
        self._since = now if self._since is None else self._since
        pause = pause_after(self._tries, asked)
        self._tries += 1
        if now + pause > self._since + self.patience.seconds:
            raise unreachable(self.server, why, self.patience)
        return pause


@dataclass(frozen=True)
class Ended:
    """The last event of a log: how the run that wrote it has ended."""

    state: str
    exit_code: int | None


def log_stream(
    number: int | str, output: str, offset: int, server: str, patience: Patience
) -> EventStream:
    """Return the stream of what a run's script writes.

    Args:
        number: the run.
        output: ``stdout`` or ``stderr``.
        offset: the byte to begin with; negative: so many before the end.
        server: its address, for words.
        patience: how long it may be gone.

    """
    path = path_of("runs", number, "log", "events")
    return EventStream(path, server, patience, {"stream": output, "offset": offset})


def log_event(name: str, data: str) -> str | Ended | None:
    """Return what an event of a log says: text, the end, or nothing that is known here."""
    if name not in ("log", "end"):
        return None
    facts = json.loads(data)
    if name == "log":
        return str(facts["text"])
    return Ended(str(facts.get("state", "")), facts.get("exit_code"))
