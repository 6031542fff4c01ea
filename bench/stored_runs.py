"""Folders of runs that have ended, as supervisors leave them, made without running anything."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path

from towline.runs import runs_folder

WORKFLOWS = ("multicluster_parsl_demo", "ensemble", "train", None)
STATES = ("succeeded", "succeeded", "succeeded", "failed", "cancelled", "lost")


def make_runs(count: int, first: int = 1, owner: str | None = None) -> None:
    """Make ``count`` folders, numbered from ``first`` on, below the TOWLINE_HOME at hand."""
    chance = random.Random(7)  # noqa: S311 - the same runs each time
    below = runs_folder()
    below.mkdir(parents=True, exist_ok=True, mode=0o700)
    began = time.time() - count * 60
    for number in range(first, first + count):
        _make(below / str(number), number, began + number * 60, chance, owner)


def _make(
    folder: Path, number: int, created: float, chance: random.Random, owner: str | None
) -> None:
    folder.mkdir(mode=0o700)
    (folder / "blocks").mkdir(mode=0o700)
    tag = f"r{number}-{chance.getrandbits(32):08x}"
    workflow = chance.choice(WORKFLOWS)
    script = f"/home/ann/{workflow or 'script'}/main.py"
    record: dict[str, object] = {
        "number": number,
        "tag": tag,
        "created": round(created, 3),
        "script": script,
        "argv": ["--steps", str(number % 50)],
        "python": "/usr/bin/python3",
        "cwd": str(folder),
        "user": owner or "ann",
        "host": "workspace",
        "creator": {"pid": 1, "started": "0", "host": "workspace", "boot": "", "space": ""},
        "executors": None,
        "clusters": {"myexecutor_1": "onprem"},
    }
    state, tasks = chance.choice(STATES), chance.randrange(1, 200)
    facts: list[dict[str, object]] = [
        {"event": "created", "number": number, "tag": tag, "script": script},
        {"event": "starting", "pid": 1},
        {"event": "running", "pid": 2, "started": "0"},
        {"event": "progress", "done": tasks, "failed": 0, "total": tasks},
        {
            "event": "ended",
            "state": state,
            "exit_code": 0 if state == "succeeded" else 1,
            "reason": "" if state == "succeeded" else "the script ended with exit code 1",
            "seconds": 42.0,
            "tasks": {"done": tasks, "failed": 0, "total": tasks},
            "clusters": ["cloud", "onprem"],
            "leftovers": [],
        },
    ]
    lines = [json.dumps({"time": created + at, **fact}) for at, fact in enumerate(facts)]
    _write(folder / "run.json", json.dumps(record, indent=1))
    _write(folder / "events.jsonl", "".join(f"{line}\n" for line in lines))
    _write(folder / "stdout.log", "".join(f"step {step}\n" for step in range(50)))
    _write(folder / "stderr.log", "")


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
