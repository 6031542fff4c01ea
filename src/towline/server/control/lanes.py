"""Threads for work that may hang: at most so many, none at rest, none that holds the server up."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Lane:
    """Runs blocking work, so many pieces at a time.

    Threads are daemons: a server that ends does not wait for a site that does not answer.
    """

    def __init__(self, at_once: int, name: str) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._name = name

    async def run(
        self,
        work: Callable[[], T],
        *,
        limit: float | None = None,
        late: Callable[[], object] = lambda: None,
    ) -> T:
        """Run a piece of work when there is room, and return or raise what it does.

        Args:
            work: what to do.
            limit: seconds after which it no longer counts among those at work.
            late: called then; the work itself goes on, and is waited for.

        """
        async with self._free:
            working = asyncio.ensure_future(in_thread(work, self._name))
            try:
                done, _ = await asyncio.wait({working}, timeout=limit)
            except asyncio.CancelledError:
                working.cancel()
                raise
            if done:
                return working.result()
        late()
        return await working


async def in_thread(work: Callable[[], T], name: str) -> T:
    """Run a piece of work in a thread of its own, at once."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def succeed(result: T) -> None:
        if not done.cancelled():
            done.set_result(result)

    def fail(error: BaseException) -> None:
        if not done.cancelled():
            done.set_exception(error)

    def body() -> None:
        with contextlib.suppress(RuntimeError):  # the server has ended meanwhile
            try:
                result = work()
            except BaseException as error:
                loop.call_soon_threadsafe(fail, error)
            else:
                loop.call_soon_threadsafe(succeed, result)

    threading.Thread(target=body, name=name, daemon=True).start()
    return await done
