"""The bridge to Parsl: executor definitions in, a parsl.Config with workers on clusters out."""

from __future__ import annotations

from towline.engine.cleanup import sweep
from towline.engine.definitions import ExecutorDefinition, ExecutorsFile, load_executors
from towline.engine.engine import Engine
from towline.engine.ledger import Ledger, Report
from towline.engine.leftovers import Leftover, find, remove
from towline.engine.progress import Progress

__all__ = [
    "Engine",
    "ExecutorDefinition",
    "ExecutorsFile",
    "Ledger",
    "Leftover",
    "Progress",
    "Report",
    "find",
    "load_executors",
    "remove",
    "sweep",
]
