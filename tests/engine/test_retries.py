"""Which failures of a task are worth another try."""

from __future__ import annotations

from typing import Any

import pytest
from parsl.executors.errors import BadStateException
from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost

from towline.engine.retries import retry_handler


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (ManagerLost(b"m", "host"), True),
        (WorkerLost(1, "host"), True),
        (ValueError("the user's own"), False),
        (BadStateException(None, RuntimeError("given up")), False),
    ],
)
def test_only_the_infrastructures_failures_are_tried_again(error: Exception, again: bool) -> None:
    """A wrong program is wrong the second time too; a lost node says nothing about the task."""
    record: Any = {}
    assert (retry_handler(error, record) <= 2) is again
