"""A request with an Idempotency-Key: once, whatever happens."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from towline.server.idempotency import KEPT, Answer, Idempotency
from towline.server.problems import ProblemError
from towline.store import IdempotencyKey, Store, utc_now

pytestmark = pytest.mark.anyio


class Work:
    """Something that is to be done once; counts how often it was."""

    def __init__(self, found: Answer | None = None) -> None:
        self.done = 0
        self.found = found
        self.asked_since: datetime | None = None
        self.error: Exception | None = None

    async def do(self) -> Answer:
        await asyncio.sleep(0.01)
        if self.error is not None:
            raise self.error
        self.done += 1
        return Answer(201, {"number": self.done})

    async def find(self, since: datetime) -> Answer | None:
        self.asked_since = since
        return self.found


async def test_two_at_once_are_one(store: Store) -> None:
    """The second waits for the first and gets its answer."""
    once, work = Idempotency(store), Work()
    asked = [once.once("ann", "k", "d", work.do, work.find) for _ in range(5)]
    answers = await asyncio.gather(*asked)
    assert work.done == 1
    assert [answer.body for answer in answers] == [{"number": 1}] * 5
    assert sorted(answer.repeated for answer in answers) == [False, True, True, True, True]


async def test_the_answer_outlives_the_server(store: Store) -> None:
    """It is in the database."""
    work = Work()
    await Idempotency(store).once("ann", "k", "d", work.do, work.find)
    answer = await Idempotency(store).once("ann", "k", "d", work.do, work.find)
    assert (work.done, answer.repeated, answer.status) == (1, True, 201)


async def test_what_was_done_before_a_crash_is_found(store: Store) -> None:
    """The key is there, its answer is not: what it has made is looked for, not made again."""
    async with store.writing() as session:
        session.add(IdempotencyKey(owner="ann", key="k", digest="d", created=utc_now()))
    work = Work(found=Answer(201, {"number": 7}))
    answer = await Idempotency(store).once("ann", "k", "d", work.do, work.find)
    assert (work.done, answer.body, answer.repeated) == (0, {"number": 7}, True)
    assert work.asked_since is not None
    work.found = None
    again = await Idempotency(store).once("ann", "k", "d", work.do, work.find)
    assert again.body == {"number": 7}


async def test_what_was_not_done_before_a_crash_is_done(store: Store) -> None:
    """The server died before it had started anything."""
    async with store.writing() as session:
        session.add(IdempotencyKey(owner="ann", key="k", digest="d", created=utc_now()))
    work = Work()
    answer = await Idempotency(store).once("ann", "k", "d", work.do, work.find)
    assert (work.done, answer.repeated) == (1, False)


async def test_a_key_is_for_one_request(store: Store) -> None:
    """Another request with it is a mistake of the client's, and is said to be."""
    once, work = Idempotency(store), Work()
    await once.once("ann", "k", "d", work.do, work.find)
    with pytest.raises(ProblemError) as caught:
        await once.once("ann", "k", "other", work.do, work.find)
    assert (caught.value.status, caught.value.code) == (422, "idempotency-key-reused")
    assert work.done == 1


async def test_a_key_belongs_to_its_owner(store: Store) -> None:
    """Somebody else's key of the same name is another one."""
    once, work = Idempotency(store), Work()
    await once.once("ann", "k", "d", work.do, work.find)
    answer = await once.once("ben", "k", "other", work.do, work.find)
    assert answer.body == {"number": 2}


async def test_a_request_that_fails_may_be_tried_again(store: Store) -> None:
    """Nothing was made, so nothing is remembered."""
    once, work = Idempotency(store), Work()
    work.error = ValueError("no room")
    with pytest.raises(ValueError, match="no room"):
        await once.once("ann", "k", "d", work.do, work.find)
    work.error = None
    answer = await once.once("ann", "k", "corrected", work.do, work.find)
    assert (work.done, answer.repeated) == (1, False)


async def test_a_key_is_forgotten_after_a_day(store: Store) -> None:
    """The table does not grow for ever."""
    async with store.writing() as session:
        old = utc_now() - KEPT - timedelta(minutes=1)
        session.add(IdempotencyKey(owner="ann", key="k", digest="old", created=old))
    work = Work()
    answer = await Idempotency(store).once("ann", "k", "d", work.do, work.find)
    assert (work.done, answer.repeated) == (1, False)
