"""What became of each task: seen where Parsl launches it, and measured where it runs."""

from __future__ import annotations

from towline.engine.tasks.compression import compressed_task, compression_pays
from towline.engine.tasks.observe import observe
from towline.engine.tasks.observer import TaskLog, TaskObserver
from towline.engine.tasks.submission import submit_measured

__all__ = [
    "TaskLog",
    "TaskObserver",
    "compressed_task",
    "compression_pays",
    "observe",
    "submit_measured",
]
