"""How long the tasks of a script took when it ran before."""

from __future__ import annotations

import statistics
from pathlib import Path

from towline.errors import RunError
from towline.runs.folder import RunFolder
from towline.runs.tasks.tries import read_tries

RUNS_LOOKED_AT = 20
"""Of all scripts, the newest first."""

MOST_BYTES = 16 * 2**20
"""Records of a run beyond this are not worth the time it takes to read them."""

FEWEST_TASKS = 3


def usual_seconds(script: str, before: int) -> dict[str, float]:
    """Return the median seconds of a task for each executor label, from the script's last run.

    Args:
        script: its absolute path.
        before: number of the run that asks; only earlier ones count.

    """
    for run in [run for run in RunFolder.all() if run.number < before][:RUNS_LOOKED_AT]:
        try:
            if run.asked.script != script or _bytes(run.tasks) > MOST_BYTES:
                continue
        except (RunError, OSError):
            continue
        by_label: dict[str, list[float]] = {}
        for each in read_tries(run.tasks, over=True):
            if each.seconds is not None:
                by_label.setdefault(each.executor, []).append(each.seconds)
        known = {
            label: statistics.median(seconds)
            for label, seconds in by_label.items()
            if len(seconds) >= FEWEST_TASKS
        }
        if known:
            return known
    return {}


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.jsonl"))
