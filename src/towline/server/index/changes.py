"""What changed, told to whoever listens; nobody waits for a slow listener: it has to look again."""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

from towline.server.index.entry import IndexedRun

KEPT = 1_000
"""Changes kept for a listener that comes back with the number of the last one it has seen."""

MOST_PENDING = 1_000
"""Things of which one listener may have untold changes; above, it has to look at all again."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something is new, has changed or is gone.

    ``subject`` is what rights are checked on: the run itself; for other kinds what their
    publisher gives. ``data`` is a JSON object, as text.
    """

    sequence: int
    kind: str
    name: str
    gone: bool
    data: str
    subject: Any = None


class Subscription:
    """The untold changes of one listener: of each thing only the latest."""

    def __init__(self) -> None:
        self._pending: OrderedDict[tuple[str, str], Change] = OrderedDict()
        self._waker = asyncio.Event()
        self._lagging = False

    def put(self, change: Change) -> None:
        """Note a change; never waits."""
        key = (change.kind, change.name)
        self._pending.pop(key, None)
        self._pending[key] = change
        if len(self._pending) > MOST_PENDING:
            self.resynchronise()
        self._waker.set()

    def resynchronise(self) -> None:
        """Drop what is pending: the listener has to look at everything again."""
        self._pending.clear()
        self._lagging = True
        self._waker.set()

    async def next(self) -> Change | None:
        """Wait for the next change; None: too many were missed, look at everything again."""
        while True:
            if self._lagging:
                self._lagging = False
                return None
            if self._pending:
                return self._pending.popitem(last=False)[1]
            self._waker.clear()
            await self._waker.wait()


class ChangeHub:
    """Give each change a number and hand it to all listeners. Used on the event loop only."""

    def __init__(self) -> None:
        self._epoch = os.urandom(4).hex()  # numbers begin anew with each server
        self._last = 0
        self._recent: deque[Change] = deque(maxlen=KEPT)
        self._subscriptions: set[Subscription] = set()

    @property
    def listeners(self) -> int:
        """How many are listening."""
        return len(self._subscriptions)

    def publish(
        self, kind: str, name: str, data: str, *, gone: bool = False, subject: Any = None
    ) -> None:
        """Tell everybody of a change.

        Args:
            kind: what it is: ``run``, ``cluster``, ``workflow``.
            name: which one.
            data: a JSON object, as text.
            gone: it does not exist any more.
            subject: what the rights of a listener are checked on.

        """
        self._last += 1
        change = Change(self._last, kind, name, gone, data, subject)
        self._recent.append(change)
        for subscription in self._subscriptions:
            subscription.put(change)

    def publish_run(self, run: IndexedRun) -> None:
        """Tell everybody how a run stands."""
        self.publish("run", str(run.number), run.as_json().decode(), subject=run)

    def id_of(self, change: Change) -> str:
        """Return the text by which a listener names the last change it has seen."""
        return f"{self._epoch}-{change.sequence}"

    def latest_id(self) -> str:
        """Return the id of the last change there was."""
        return f"{self._epoch}-{self._last}"

    async def listen(
        self, after: str | None, may: Callable[[Change], bool]
    ) -> AsyncGenerator[Change | None, None]:
        """Yield changes as they come, those missed since ``after`` first.

        Args:
            after: an ``id_of`` that the listener has seen; None: only what comes.
            may: whether the listener may see a change.

        Yields:
            A change; None when it cannot be said what was missed: look at everything again.

        """
        subscription = Subscription()
        self._catch_up(subscription, after)
        self._subscriptions.add(subscription)
        try:
            while True:
                change = await subscription.next()
                if change is None or may(change):
                    yield change
        finally:
            self._subscriptions.discard(subscription)

    def _catch_up(self, subscription: Subscription, after: str | None) -> None:
        if after is None:
            return
        epoch, _, text = after.partition("-")
        number = int(text) if text.isdecimal() and len(text) < 20 else -1
        oldest = self._recent[0].sequence if self._recent else 1
        if epoch != self._epoch or number + 1 < oldest:
            subscription.resynchronise()
            return
        for change in self._recent:
            if change.sequence > number:
                subscription.put(change)
