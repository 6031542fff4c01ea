"""Runs: one execution of a script, with a number, a folder and a supervisor of its own."""

from __future__ import annotations

from towline.runs.events import Event, EventLog
from towline.runs.folder import Asked, RunFolder, runs_folder
from towline.runs.ledger import Entry, FileLedger
from towline.runs.state import RunState, TransitionError, advance

__all__ = [
    "Asked",
    "Entry",
    "Event",
    "EventLog",
    "FileLedger",
    "RunFolder",
    "RunState",
    "TransitionError",
    "advance",
    "runs_folder",
]
