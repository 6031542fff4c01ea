"""How long the tasks of a script took when it ran before."""

from __future__ import annotations

import os
import statistics
from pathlib import Path

from towline.errors import RunError
from towline.runs.folder import Asked, RunFolder
from towline.runs.tasks.tries import read_tries

RUNS_LOOKED_AT = 20
"""Of all scripts, the newest first."""

MOST_BYTES = 16 * 2**20
"""Records of a run beyond this are not worth the time it takes to read them."""

FEWEST_TASKS = 3


def script_of(asked: Asked) -> str:
    """Return what tells the script of a run from others: its path, or where in which workflow.

    Each run of a workflow has a copy of its own, and so a path of its own.
    """
    if asked.workflow is None:
        return asked.script
    return f"{asked.workflow.get('name')}:{os.path.relpath(asked.script, asked.cwd)}"


def usual_seconds(script: str, before: int) -> dict[str, float]:
    """Return the median seconds of a task for each executor label, from the script's last run.

    Args:
        script: what `script_of` says of it.
        before: number of the run that asks; only earlier ones count.

    """
    for run in [run for run in RunFolder.all() if run.number < before][:RUNS_LOOKED_AT]:
        try:
            if script_of(run.asked) != script or _bytes(run.tasks) > MOST_BYTES:
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
