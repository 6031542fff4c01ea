"""When is an executor beyond hope? Parsl's ``block_error_handler``, more patient than its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from parsl.jobs.states import JobState, JobStatus

from towline.engine.ledger import Report
from towline.errors import SubmitRefused, TowlineError

FAILURES = 3
"""So many blocks in a row must end before a single worker came, to give an executor up."""

BARREN = JobState.MISSING
"""Parsl's word for a block that ended, however, before a worker came. A block that failed later
had worked: its tasks pay with their retries, and the next one may do better."""

OURS = JobState.SCALED_IN
"""We ended the block ourselves: no verdict on the site."""

LOOK = "towline run show, and the job output in the run folder"

Handler = Callable[[Any, dict[str, JobStatus]], None]


def verdict(states: Sequence[JobState]) -> bool:
    """Return whether blocks in this order of their numbers mean that no block will ever work.

    Args:
        states: of all blocks so far.

    """
    counted = [state for state in states if state is not OURS]
    return len(counted) >= FAILURES and all(state is BARREN for state in counted[-FAILURES:])


def block_error_handler(
    cluster: str, report: Report, refusal: Callable[[], TowlineError | None]
) -> Handler:
    """Return a handler that tolerates single failures and gives an executor up only once.

    Args:
        refusal: returns why no block will ever be submitted, once that is known.

    """

    def handle(executor: Any, status: dict[str, JobStatus]) -> None:
        if executor.bad_state_is_set:
            # Failing the tasks again raises in Parsl, and stops the scaling of every other
            # executor (Parsl issues 3992, 3993).
            return
        error = refusal()
        if error is None:
            by_number = [status[block] for block in sorted(status, key=int)]
            if not verdict([entry.state for entry in by_number]):
                return
            error = SubmitRefused(f"{cluster}/{executor.label}", _last_words(by_number), LOOK)
        report("error", cluster=cluster, executor=executor.label, **error.as_dict())
        executor.set_bad_state_and_fail_all(error)

    return handle


def _last_words(statuses: Sequence[JobStatus]) -> str:
    last = statuses[-1]
    said = [last.message or "", last.stderr_summary or ""]
    return f"{FAILURES} blocks in a row ended before a worker came; the last one: " + (
        " ".join(part.strip() for part in said if part.strip()) or "it said nothing"
    )
