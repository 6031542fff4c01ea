"""Executor definitions: which cluster stands behind a Parsl label, and with what resources."""

from __future__ import annotations

from towline.engine.definitions.definition import ExecutorDefinition
from towline.engine.definitions.file import LABEL, ExecutorsFile, load_executors
from towline.engine.definitions.values import WALLTIME

__all__ = ["LABEL", "WALLTIME", "ExecutorDefinition", "ExecutorsFile", "load_executors"]
