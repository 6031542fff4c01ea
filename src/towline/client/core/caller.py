"""What every operation needs: the server's address, its patience, and how answers are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from towline.client.core.calls import Answer, Call, Steps
from towline.client.core.decoding import data_of, page_of, record_of
from towline.client.core.exchange import Patience, exchange
from towline.client.models import Record

Model = TypeVar("Model", bound=Record)


@dataclass(frozen=True)
class Caller:
    """Make operations of calls.

    Args:
        server: the address, for words.
        patience: shared by all calls of a client.

    """

    server: str
    patience: Patience

    def send(self, call: Call) -> Steps[Answer]:
        """Return the answer to a call."""
        return (yield from exchange(call, self.server, self.patience))

    def data(self, call: Call) -> Steps[Any]:
        """Return the JSON of the answer to a call."""
        answer = yield from self.send(call)
        return data_of(call, answer, self.server)

    def record(self, kind: type[Model], call: Call) -> Steps[Model]:
        """Return the record that a call is answered with."""
        answer = yield from self.send(call)
        return record_of(kind, call, answer, self.server)

    def page(self, kind: type[Model], call: Call) -> Steps[tuple[list[Model], str | None]]:
        """Return one page of a list, and the cursor of the next."""
        answer = yield from self.send(call)
        return page_of(kind, call, answer, self.server)

    def all(
        self, kind: type[Model], path: str, query: Mapping[str, Any] | None = None, limit: int = 0
    ) -> Steps[list[Model]]:
        """Return a list whole, or its first ``limit`` records (0: all), page after page."""
        found: list[Model] = []
        cursor: str | None = None
        while True:
            size = min(200, limit - len(found)) if limit else 200
            call = Call("GET", path, {**(query or {}), "limit": size, "cursor": cursor})
            items, cursor = yield from self.page(kind, call)
            found += items
            if cursor is None or (limit and len(found) >= limit):
                return found[:limit] if limit else found
