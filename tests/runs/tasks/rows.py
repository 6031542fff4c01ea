"""Rows as a run writes them, and runs that have written them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from towline.runs import RunFolder

PLACES = {"executors": {"ex_onprem": "onprem", "ex_cloud": "cloud"}, "time": 99.0}


def launch(task: int, at: float, app: str = "simulate", cluster: str = "onprem") -> dict[str, Any]:
    """Return the row of a first try that was launched."""
    facts = {"app": app, "executor": f"ex_{cluster}", "called": at - 0.5}
    return {"time": at, "task": task, "try": 0, "state": "launched", **facts}


def end(
    task: int, start: float, seconds: float, state: str = "done", **more: Any
) -> dict[str, Any]:
    """Return the row of a first try that came back at once."""
    facts = {"start": start, "seconds": seconds, "cpu": seconds / 2, "memory": 5_000_000}
    where = {"host": "n1", "block": "0", "pool": "p", "worker": "0", "pid": 7, "grew": False}
    own = {"time": start + seconds, "task": task, "try": 0, "state": state}
    return {**own, **facts, **where, **more}


def run_with(rows: Iterable[dict[str, Any]], *, ended: bool = True) -> RunFolder:
    """Return a run that has written some rows, whose supervisor is this process."""
    folder = RunFolder.create("/home/ada/multi.py")
    folder.keep()
    folder.events.append("starting")
    folder.events.append("running", pid=1)
    folder.tasks.mkdir()
    last = [{"time": 1e9, "closed": True}] if ended else []
    lines = [json.dumps(row) + "\n" for row in [PLACES, *rows, *last]]
    (folder.tasks / "1.jsonl").write_text("".join(lines))
    if ended:
        folder.events.append("ended", state="succeeded", exit_code=0, seconds=9, leftovers=[])
    return folder


def many(number: int, workers: int = 64) -> list[dict[str, Any]]:
    """Return the rows of many tasks of 3 s on many workers, 8 on a node."""
    rows = []
    for task in range(number):
        turn, worker = divmod(task, workers)
        cluster = ("onprem", "cloud")[worker % 2]
        at = 100.0 + 3.1 * turn
        place = {"host": f"{cluster}-n{worker // 8}", "worker": str(worker % 8)}
        state = "failed" if task % 97 == 5 else "done"
        rows += [
            launch(task, 100.0, f"app_{task % 3}", cluster),
            end(task, at, 3.0, state, **place, **({"error": "E"} if state == "failed" else {})),
        ]
    return rows
