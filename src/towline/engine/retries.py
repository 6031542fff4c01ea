"""Which failures of a task are worth another try."""

from __future__ import annotations

from typing import Any

from parsl.executors.errors import BadStateException, ScalingFailed
from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost

from towline.errors import TasksLost

INFRASTRUCTURE = (ManagerLost, WorkerLost, ScalingFailed, TasksLost)
"""Node, worker or interchange went away; the task may be innocent."""

HOPELESS = 1000.0
"""A cost above any number of retries."""


def retry_handler(exception: Exception, task_record: Any) -> float:
    """Return what a failure costs of the task's retries: 1 when the infrastructure failed.

    An error in the user's code, or an executor that was given up, is not tried again.
    """
    if isinstance(exception, BadStateException):
        return HOPELESS
    return 1.0 if isinstance(exception, INFRASTRUCTURE) else HOPELESS
