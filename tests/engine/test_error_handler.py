"""When an executor is given up."""

from __future__ import annotations

from typing import Any

import pytest
from parsl.jobs.states import JobState, JobStatus

from towline.engine.error_handler import block_error_handler, verdict
from towline.errors import SubmitRefused

F, M, R, P, S, D = (
    JobState.FAILED,
    JobState.MISSING,
    JobState.RUNNING,
    JobState.PENDING,
    JobState.SCALED_IN,
    JobState.COMPLETED,
)


@pytest.mark.parametrize(
    ("states", "hopeless"),
    [
        ([M], False),
        ([M, M, P], False),
        ([M, M, M], True),
        ([R, M, M, M], True),
        ([M, M, R], False),
        ([M, S, M, S, S], False),
        ([M, S, M, S, M], True),
        ([M, F, M, M], False),
        ([F, F, F], False),
        ([D, D, D], False),
    ],
)
def test_three_blocks_in_a_row_without_a_worker(states: list[JobState], hopeless: bool) -> None:
    """What we cancelled does not count; one that worked, or still waits, clears the rest."""
    assert verdict(states) is hopeless


class Executor:
    label = "a"

    def __init__(self) -> None:
        self.bad: list[Exception] = []

    @property
    def bad_state_is_set(self) -> bool:
        return bool(self.bad)

    def set_bad_state_and_fail_all(self, error: Exception) -> None:
        self.bad.append(error)


def test_an_executor_is_given_up_only_once() -> None:
    """A second time would raise inside Parsl and stop the scaling of all other executors."""
    events: list[str] = []

    def report(event: str, /, **facts: Any) -> None:
        events.append(event)

    executor = Executor()
    handle = block_error_handler("onprem", report, lambda: None)
    status = {str(n): JobStatus(M, f"reason {n}") for n in range(3)}
    handle(executor, status)
    handle(executor, status)
    assert len(executor.bad) == 1
    assert isinstance(executor.bad[0], SubmitRefused)
    assert "reason 2" in str(executor.bad[0])
    assert events == ["error"]


def test_a_final_refusal_needs_no_second_try() -> None:
    """An unknown account is not known the third time either."""
    executor = Executor()
    handle = block_error_handler(
        "onprem", lambda *_, **__: None, lambda: SubmitRefused("a", "Invalid account")
    )
    handle(executor, {"0": JobStatus(F)})
    assert "Invalid account" in str(executor.bad[0])
