"""A single-threaded event loop over ``selectors``: no wake-up without a reason.

*Sources* are the sockets whose data feeds the carrier. They live in a selector of their own, itself
watched by the main one, so that all of them are paused and resumed by one call when the carrier
cannot take more.
"""

import heapq
import itertools
import selectors
import time
from collections import deque
from typing import Callable, Deque, Dict, List, Optional, Tuple

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE

Callback = Callable[[], None]


class Timer:
    """A call at a later time; ``cancel`` it when it is no longer wanted."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callback) -> None:
        self.callback: Optional[Callback] = callback

    def cancel(self) -> None:
        """Make the timer do nothing; may be called at any time."""
        self.callback = None


class Loop:
    """Watch file descriptors and timers; call back; flush once after each round."""

    def __init__(self) -> None:
        self._main = selectors.DefaultSelector()
        self._sources = selectors.DefaultSelector()
        self._source_callbacks: Dict[int, Callback] = {}
        self._ready_sources: Deque[int] = deque()
        self._sources_paused = True
        self._timers: List[Tuple[float, int, Timer]] = []
        self._timer_numbers = itertools.count()
        self._stopped = False
        self.wakeups = 0
        self.after_round = _nothing
        """Called after each round of events: the place to write what they produced."""
        self.resume_sources()

    # Descriptors --------------------------------------------------------------------------------

    def watch(self, fd: int, events: int, callback: Callable[[int], None]) -> None:
        """Call ``callback(ready events)`` whenever ``fd`` is ready for one of ``events``."""
        try:
            self._main.modify(fd, events, callback)
        except KeyError:
            self._main.register(fd, events, callback)

    def unwatch(self, fd: int) -> None:
        """Stop watching ``fd``; not watched is fine."""
        try:
            self._main.unregister(fd)
        except KeyError:
            pass

    def watch_source(self, fd: int, callback: Callback) -> None:
        """Call ``callback`` when ``fd`` can be read and sources are not paused."""
        if fd not in self._source_callbacks:
            self._sources.register(fd, READ)
        self._source_callbacks[fd] = callback

    def unwatch_source(self, fd: int) -> None:
        """Stop watching ``fd`` as a source; not watched is fine."""
        if self._source_callbacks.pop(fd, None) is not None:
            self._sources.unregister(fd)

    def pause_sources(self) -> None:
        """Read no source until ``resume_sources``."""
        if not self._sources_paused:
            self._sources_paused = True
            self._main.unregister(self._sources_fd())

    def resume_sources(self) -> None:
        """Read sources again."""
        if self._sources_paused:
            self._sources_paused = False
            self._main.register(self._sources_fd(), READ, self._read_sources)

    def _sources_fd(self) -> int:
        return self._sources.fileno()

    def _read_sources(self, _events: int) -> None:
        # What is left from a round cut short by a pause comes first: nobody starves.
        ready = self._ready_sources
        if not ready:
            ready.extend(key.fd for key, _ in self._sources.select(0))
        while ready and not self._sources_paused:
            callback = self._source_callbacks.get(ready.popleft())
            if callback is not None:
                callback()

    # Time ---------------------------------------------------------------------------------------

    def call_later(self, seconds: float, callback: Callback) -> Timer:
        """Call ``callback`` once, ``seconds`` from now."""
        timer = Timer(callback)
        entry = (time.monotonic() + seconds, next(self._timer_numbers), timer)
        heapq.heappush(self._timers, entry)
        return timer

    def _seconds_to_next_timer(self) -> Optional[float]:
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return max(0.0, self._timers[0][0] - time.monotonic())

    def _run_due_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            callback = heapq.heappop(self._timers)[2].callback
            if callback is not None:
                callback()

    # Running ------------------------------------------------------------------------------------

    def run_once(self, limit: Optional[float] = None) -> None:
        """Wait for events, at most until the next timer or ``limit`` seconds; handle them all."""
        wait = self._seconds_to_next_timer()
        if limit is not None:
            wait = limit if wait is None else min(wait, limit)
        events = self._main.select(wait)
        self.wakeups += 1
        for key, ready in events:
            if self._main.get_map().get(key.fd) is key:  # not unwatched by one before it
                key.data(ready)
        self._run_due_timers()
        self.after_round()

    def run(self) -> None:
        """Handle events until ``stop`` is called."""
        while not self._stopped:
            self.run_once()

    def stop(self) -> None:
        """Return from ``run`` after this round."""
        self._stopped = True

    def close(self) -> None:
        """Release the selectors; watched descriptors stay open."""
        self._main.close()
        self._sources.close()


def _nothing() -> None:
    pass
