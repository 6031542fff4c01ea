"""Threads for work that may hang."""

from __future__ import annotations

import asyncio
import threading

import pytest

from towline.server.control.lanes import Lane

pytestmark = pytest.mark.anyio

LIMIT = 20.0


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio: it is what the server runs on."""
    return "asyncio"


async def test_what_hangs_gives_its_place_to_others() -> None:
    """It is said to be late, goes on, and its result still counts."""
    lane, end, late = Lane(1, "test"), threading.Event(), asyncio.Event()
    hanging = asyncio.ensure_future(lane.run(lambda: end.wait(LIMIT), limit=0.05, late=late.set))
    await asyncio.wait_for(late.wait(), LIMIT)
    assert await asyncio.wait_for(lane.run(lambda: "next"), LIMIT) == "next"
    end.set()
    assert await asyncio.wait_for(hanging, LIMIT) is True


async def test_no_more_than_so_many_work_at_once() -> None:
    """The others wait for their turn."""
    lane, lock, now, most = Lane(2, "test"), threading.Lock(), [0], [0]
    together = threading.Barrier(2, timeout=LIMIT)

    def work() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        together.wait()
        with lock:
            now[0] -= 1

    await asyncio.gather(*(lane.run(work) for _ in range(6)))
    assert most[0] == 2


async def test_an_error_is_the_callers() -> None:
    """As if it had been raised on the loop."""

    def work() -> None:
        raise KeyError("oops")

    with pytest.raises(KeyError):
        await Lane(1, "test").run(work)
