"""Which runs that are not over use which clusters."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from pathlib import Path

from towline.errors import RunError
from towline.runs.catalog import summarise
from towline.runs.folder import RunFolder
from towline.runs.liveness import final_event


class LiveRuns:
    """Finds the runs that live; a run that was once seen to be over is not read again."""

    def __init__(self) -> None:
        self._over: set[Path] = set()

    def by_cluster(self) -> dict[str, list[int]]:
        """Return the numbers of the living runs on each cluster that has some."""
        found: dict[str, list[int]] = defaultdict(list)
        for folder in RunFolder.all():
            if folder.path in self._over:
                continue
            with contextlib.suppress(RunError):
                if final_event(folder) is not None:
                    self._over.add(folder.path)
                    continue
                clusters = {*summarise(folder).clusters, *folder.asked.promised}
                for cluster in sorted(clusters):
                    found[cluster].append(folder.number)
        return dict(found)


def runs_using(cluster: str) -> list[int]:
    """Return the numbers of the living runs that use a cluster, the newest first."""
    return LiveRuns().by_cluster().get(cluster, [])
