"""The tasks of a run: which ran where, when, how long, how often; and pictures of it."""

from __future__ import annotations

from towline.runs.tasks.store import TaskStore
from towline.runs.tasks.timeline import timeline
from towline.runs.tasks.timeline_svg import timeline_svg
from towline.runs.tasks.timeline_text import timeline_lines
from towline.runs.tasks.tries import TaskTry, TryState, read_tries

__all__ = [
    "TaskStore",
    "TaskTry",
    "TryState",
    "read_tries",
    "timeline",
    "timeline_lines",
    "timeline_svg",
]
