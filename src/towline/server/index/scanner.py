"""Look at all runs of a state folder: new ones, living ones, ended ones, deleted ones."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from towline.errors import RunError
from towline.runs import Event, RunFolder, RunState
from towline.runs.liveness import final_event
from towline.runs.view import ClusterView, RunView, fold
from towline.server.index.entry import IndexedRun, from_view
from towline.server.index.living import LivingRun, collect_child

_NUMBER = re.compile("[1-9][0-9]{0,15}")
SETTLED_NS = 50_000_000  # a folder's time of change is as coarse as the kernel's tick
KEEPERS_A_SECOND = 100
KEEPER_SECONDS = 1.0  # at least, between two looks at one keeper
JUST_ENDED = 60.0  # seconds: its supervisor may be our child, and not collected yet
MOST_REAPERS = 4  # at once: after a restart of the machine every run has lost its supervisor


@dataclass
class Seen:
    """What one look has found: runs that are new or have changed, and numbers that are gone."""

    changed: list[IndexedRun] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)


class RunScanner:
    """Find and follow the runs below one folder. Blocking; used by one thread at a time.

    At rest a look is one ``stat`` of the folder and one of each living run's events.

    Args:
        folder: ``<state>/runs``; may be missing until the first run.

    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._changed_ns = -1
        self._known: dict[int, int] = {}  # ended or living: number -> inode
        self._unborn: dict[int, int] = {}  # a folder without run.json yet
        self._living: dict[int, LivingRun] = {}
        self._keepers: deque[int] = deque()
        self._keepers_at = 0.0
        self._to_reap: deque[int] = deque()
        self._reaping: set[int] = set()
        self._to_collect: dict[int, Callable[[], bool]] = {}

    @property
    def living(self) -> int:
        """How many runs have not ended."""
        return len(self._living)

    def remember(self, ended: Mapping[int, int]) -> list[int]:
        """Take runs that are known to have ended, by number and inode of their folder.

        Returns the numbers of those that are not there any more, or are others now.
        """
        there = dict(self._numbers())
        self._known |= {n: inode for n, inode in ended.items() if there.get(n) == inode}
        return [n for n, inode in ended.items() if there.get(n) != inode]

    def unread(self) -> list[int]:
        """Return the numbers that nothing is known of yet, the newest first."""
        fresh = (n for n, _ in self._numbers() if n not in self._known)
        return sorted(fresh, reverse=True)

    def look(self) -> Seen:
        """Look at everything once."""
        seen = Seen()
        self._find(seen)
        for number, run in list(self._living.items()):
            if run.look():
                self._moved(number, run, seen)
        self._look_after(seen)
        return seen

    def notice(self, numbers: Iterable[int]) -> Seen:
        """Look at some runs now: new ones are taken in, living ones read on."""
        seen = Seen()
        for number in numbers:
            run = self._living.get(number)
            if run is not None:
                if run.look():
                    self._moved(number, run, seen)
            elif number not in self._known:
                with contextlib.suppress(OSError):
                    self._take_in(number, (self._folder / str(number)).stat().st_ino, seen)
        return seen

    def _find(self, seen: Seen) -> None:
        try:
            changed_ns = self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            changed_ns = 0
        for number, inode in list(self._unborn.items()):
            self._take_in(number, inode, seen)
        if changed_ns == self._changed_ns:
            return
        there = dict(self._numbers())
        settled = abs(time.time_ns() - changed_ns) > SETTLED_NS
        self._changed_ns = changed_ns if settled else -1
        self._forget([n for n, inode in self._known.items() if there.get(n) != inode], seen)
        for number, inode in there.items():
            if number not in self._known and number not in self._unborn:
                self._take_in(number, inode, seen)
        for number in self._unborn.keys() - there.keys():
            del self._unborn[number]

    def _forget(self, numbers: Collection[int], seen: Seen) -> None:
        for number in numbers:
            del self._known[number]
            if run := self._living.pop(number, None):
                self._to_collect[number] = run.collect
        seen.gone += numbers

    def _take_in(self, number: int, inode: int, seen: Seen) -> None:
        self._unborn.pop(number, None)
        folder = RunFolder(self._folder / str(number))
        try:
            last = final_event(folder)
            if last is not None:
                seen.changed.append(_from_last_event(folder, last, inode))
                self._known[number] = inode
                if abs(time.time() - last.time) < JUST_ENDED and (keeper := folder.keeper()):
                    self._to_collect[number] = partial(collect_child, keeper.pid)
                return
            run = LivingRun(folder, inode)
        except (RunError, OSError):
            if folder.path.is_dir():
                self._unborn[number] = inode  # run.json is still being written, or is broken
            return
        self._known[number] = inode
        self._living[number] = run
        self._keepers.append(number)
        run.look()
        self._moved(number, run, seen)

    def _moved(self, number: int, run: LivingRun, seen: Seen) -> None:
        seen.changed.append(run.entry())
        if run.over:
            del self._living[number]
            self._to_collect[number] = run.collect
            self._reaping.discard(number)

    def _look_after(self, seen: Seen) -> None:
        """Check some keepers, start reapers, collect our dead children."""
        for number, collected in list(self._to_collect.items()):
            if collected():
                del self._to_collect[number]
        for number in self._due():
            living = self._living.get(number)
            if living is None:
                continue
            self._keepers.append(number)
            if living.check_keeper():
                seen.changed.append(living.entry())
            if living.vanished and number not in self._reaping and number not in self._to_reap:
                self._to_reap.append(number)
        self._reap(seen)

    def _reap(self, seen: Seen) -> None:
        for number in [n for n in self._reaping if self._done_reaping(n)]:
            self._reaping.discard(number)
            if (run := self._living.get(number)) is not None:
                seen.changed.append(run.entry())
        while self._to_reap and len(self._reaping) < MOST_REAPERS:
            number = self._to_reap.popleft()
            lost = self._living.get(number)
            if lost is not None and lost.vanished and lost.reap():
                self._reaping.add(number)

    def _done_reaping(self, number: int) -> bool:
        run = self._living.get(number)
        return run is None or not run.is_reaping

    def _due(self) -> list[int]:
        """Return whose keepers are to be looked at: each about once a second, at most 100 a second.

        So it takes 10 s at most until one of 1,000 that vanished is noticed.
        """
        now = time.monotonic()
        passed = min(now - self._keepers_at, 10.0)
        if passed < KEEPER_SECONDS / 4:
            return []
        share = len(self._keepers) * passed / KEEPER_SECONDS
        number = min(len(self._keepers), int(min(share, KEEPERS_A_SECOND * passed)) + 1)
        self._keepers_at = now
        return [self._keepers.popleft() for _ in range(number)]

    def _numbers(self) -> Iterable[tuple[int, int]]:
        try:
            with os.scandir(self._folder) as entries:
                return [(int(e.name), e.inode()) for e in entries if _NUMBER.fullmatch(e.name)]
        except FileNotFoundError:
            return []


def _from_last_event(folder: RunFolder, last: Event, inode: int) -> IndexedRun:
    """Return an ended run; its last event says enough, unless an older Towline wrote it."""
    view, facts = RunView(created=folder.asked.created), last.facts
    try:
        view.state = RunState(facts["state"])
        view.ended, view.seconds = last.time, facts.get("seconds")
        view.exit_code, view.reason = facts.get("exit_code"), str(facts.get("reason", ""))
        view.leftovers = list(facts.get("leftovers") or [])
        counts = facts.get("tasks") or {}
        view.done, view.failed = int(counts.get("done", 0)), int(counts.get("failed", 0))
        view.total = int(counts.get("total", 0))
        view.clusters = {str(name): ClusterView(str(name)) for name in facts.get("clusters") or ()}
    except (ValueError, KeyError, TypeError, AttributeError):
        view = fold(folder.events.read())
    return from_view(folder.asked, view, final=True, inode=inode)
