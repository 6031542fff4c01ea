"""A request with an ``Idempotency-Key`` is done once, however often it comes and whoever dies."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update

from towline.server.problems import ProblemError, problem
from towline.store import IdempotencyKey, Store, utc_now

KEPT = timedelta(days=1)
"""A key may be used anew after that."""


@dataclass(frozen=True)
class Answer:
    """What a request was answered; ``repeated``: it had been done before."""

    status: int
    body: dict[str, Any]
    repeated: bool = False


class Undecided(ProblemError):
    """Something was done, and nobody knows yet what comes of it: the key stays in use."""


class Idempotency:
    """Remember by owner and key what was answered.

    The key is written down before anything is done. When the server dies before the answer is
    stored, the next request with the key asks ``find`` for what was done.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turns: dict[tuple[str, str], asyncio.Lock] = {}
        self._waiting: Counter[tuple[str, str]] = Counter()

    async def once(
        self,
        owner: str,
        key: str,
        digest: str,
        do: Callable[[], Awaitable[Answer]],
        find: Callable[[datetime], Awaitable[Answer | None]],
    ) -> Answer:
        """Return the answer to a request, done now or before.

        Args:
            owner: whose key it is.
            key: as the client made it.
            digest: of the request, without secrets.
            do: does it.
            find: looks for what a request of this key has done since a time, whose answer was lost.

        Raises:
            ProblemError: 422 when the key was used for another request; what ``do`` raises: then
                nothing was done, and the key may be used again, unless it is `Undecided`.

        """
        async with self._turn((owner, key)):
            row = await self._row(owner, key)
            if row is not None and row.digest != digest:
                raise problem(
                    422,
                    "idempotency-key-reused",
                    thing="Idempotency-Key",
                    cause="it was used for another request",
                    next_step="make a new key for each launch, and repeat it only to try again",
                )
            if row is not None and row.status is not None:
                return Answer(row.status, row.body or {}, repeated=True)
            if row is None:
                await self._write_down(owner, key, digest)
            elif (found := await find(row.created)) is not None:
                await self._keep(owner, key, found)
                return Answer(found.status, found.body, repeated=True)
            try:
                answer = await do()
            except Undecided:
                raise
            except Exception:
                await self._forget(owner, key)
                raise
            await self._keep(owner, key, answer)
            return answer

    @contextlib.asynccontextmanager
    async def _turn(self, which: tuple[str, str]) -> AsyncIterator[None]:
        lock = self._turns.setdefault(which, asyncio.Lock())
        self._waiting[which] += 1
        try:
            async with lock:
                yield
        finally:
            self._waiting[which] -= 1
            if not self._waiting[which]:
                del self._waiting[which], self._turns[which]

    async def _row(self, owner: str, key: str) -> IdempotencyKey | None:
        since = utc_now() - KEPT
        async with self._store.session() as session:
            row = await session.scalar(select(IdempotencyKey).filter_by(owner=owner, key=key))
        return row if row is not None and row.created >= since else None

    async def _write_down(self, owner: str, key: str, digest: str) -> None:
        old = IdempotencyKey.created < utc_now() - KEPT
        async with self._store.writing() as session:
            await session.execute(delete(IdempotencyKey).where(old))
            session.add(IdempotencyKey(owner=owner, key=key, digest=digest, created=utc_now()))

    async def _keep(self, owner: str, key: str, answer: Answer) -> None:
        async with self._store.writing() as session:
            await session.execute(
                update(IdempotencyKey)
                .filter_by(owner=owner, key=key)
                .values(status=answer.status, body=answer.body)
            )

    async def _forget(self, owner: str, key: str) -> None:
        async with self._store.writing() as session:
            await session.execute(delete(IdempotencyKey).filter_by(owner=owner, key=key))
