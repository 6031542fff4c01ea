"""The tasks of a run: which ran where, when, how long, how often; and pictures of it."""

from __future__ import annotations

from towline.runs.tasks.store import TaskStore
from towline.runs.tasks.tries import TaskTry, TryState, read_tries

__all__ = ["TaskStore", "TaskTry", "TryState", "read_tries"]
