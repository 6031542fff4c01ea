"""Runs: one execution of a script, with a number, a folder and a supervisor of its own."""

from __future__ import annotations

from towline.runs.attach import AttachedRun, attach
from towline.runs.ending import Leftover
from towline.runs.events import Event, EventLog
from towline.runs.folder import Asked, RunFolder, runs_folder
from towline.runs.ledger import Entry, FileLedger
from towline.runs.state import RunState, TransitionError, advance

__all__ = [
    "Asked",
    "AttachedRun",
    "Entry",
    "Event",
    "EventLog",
    "FileLedger",
    "Leftover",
    "RunFolder",
    "RunState",
    "TransitionError",
    "advance",
    "attach",
    "runs_folder",
]
