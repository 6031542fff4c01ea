"""Which living runs use which clusters, as far as the index of runs knows."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from towline.errors import ClusterInUse, RunError
from towline.runs import RunFolder
from towline.server.control.lanes import in_thread
from towline.server.index import IndexedRun

FRESH_SECONDS = 3.0


class LivingRuns:
    """The runs that are not over, by cluster.

    A run names its clusters in its events once its script has loaded them; before that, those that
    it was launched with count.

    Args:
        runs: all runs of the index.
        folder: of the runs.
        look: makes the index look at the folder; a run may have been made a moment ago.

    """

    def __init__(
        self,
        runs: Callable[[], Iterable[IndexedRun]],
        folder: Path,
        look: Callable[[], Awaitable[object]],
    ) -> None:
        self._runs = runs
        self._look = look
        self._folder = folder
        self._launched_with: dict[int, frozenset[str]] = {}
        self._by_cluster: dict[str, list[int]] = {}
        self._looked = 0.0

    def on(self, cluster: str) -> list[int]:
        """Return the numbers of the living runs on a cluster, as of the last refresh."""
        return list(self._by_cluster.get(cluster, ()))

    async def refresh(self, *, now: bool = False) -> None:
        """Look again, unless that was a moment ago; ``now``: whenever it was."""
        if not now and time.monotonic() - self._looked < FRESH_SECONDS:
            return
        if now:
            await self._look()
        self._looked = time.monotonic()
        living = [run for run in self._runs() if not run.final]
        unknown = [run.number for run in living if run.number not in self._launched_with]
        if unknown:
            self._launched_with |= await in_thread(lambda: self._asked(unknown), "towline-runs")
        numbers = {run.number for run in living}
        self._launched_with = {n: c for n, c in self._launched_with.items() if n in numbers}
        found: dict[str, list[int]] = defaultdict(list)
        for run in living:
            for cluster in self._launched_with.get(run.number, frozenset()) | {*run.clusters}:
                found[cluster].append(run.number)
        self._by_cluster = dict(found)

    async def refuse_if_any(self, cluster: str, doing: str) -> None:
        """Return when no run uses a cluster at this moment.

        Raises:
            ClusterInUse: with the runs that ``doing`` this would break.

        """
        await self.refresh(now=True)
        if runs := self.on(cluster):
            numbers = ", ".join(f"run {number}" for number in runs)
            raise ClusterInUse(
                f"cluster {cluster}",
                f"in use by {numbers}: {doing} would break what runs there",
                "wait for them, or cancel them: towline run cancel NUMBER",
            )

    def _asked(self, numbers: list[int]) -> dict[int, frozenset[str]]:
        found = {}
        for number in numbers:
            try:
                asked = RunFolder(self._folder / str(number)).asked
            except RunError:
                found[number] = frozenset[str]()
            else:
                found[number] = asked.promised
        return found
