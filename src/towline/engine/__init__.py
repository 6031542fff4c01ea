"""The bridge to Parsl: executor definitions in, a parsl.Config with workers on clusters out.

Names are imported when they are asked for: reading definitions needs no Parsl, whose import
takes longer than most commands.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_MODULES = {
    "Engine": "engine",
    "ExecutorDefinition": "definitions",
    "ExecutorsFile": "definitions",
    "Ledger": "ledger",
    "Leftover": "leftovers",
    "Progress": "progress",
    "Report": "ledger",
    "find": "leftovers",
    "load_executors": "definitions",
    "remove": "leftovers",
    "sweep": "cleanup",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
