"""What Parsl writes into ``parsl.log`` of a run: all but several lines a task."""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Callable

from parsl.logconfigs.base import LogConfig
from parsl.logconfigs.file import FileLogging

PER_TASK = "parsl.dataflow.dflow"
"""The logger that writes about fifteen lines for each task; the run's tasks are kept elsewhere."""


class RunLogging(LogConfig):
    """Log what Parsl's parts do, at INFO, and of the tasks only what goes wrong.

    Parsl's own default costs a quarter of the script's time for a short task. Pass
    ``initialize_logging=True`` to :func:`towline.load` to have it.
    """

    def initialize_logging(self, *, log_dir: pathlib.Path, log_name: str) -> Callable[[], None]:
        """Write ``log_name.log`` in ``log_dir``; return what ends that."""
        end = FileLogging(level=logging.INFO).initialize_logging(log_dir=log_dir, log_name=log_name)
        per_task = logging.getLogger(PER_TASK)
        level = per_task.level
        per_task.setLevel(logging.WARNING)

        def restore() -> None:
            per_task.setLevel(level)
            end()

        return restore
