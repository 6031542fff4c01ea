"""How a job ended that the scheduler has forgotten: told late, or never."""

from __future__ import annotations

import time

from parsl.jobs.states import JobState

from towline.engine.blocks import Block, BlockState
from towline.engine.scheduler import Observation


def judge(block: Block, job: Observation | None) -> tuple[JobState, str] | None:
    """Return outcome and reason of a block whose job has left the queue; None: not known yet.

    Args:
        block: remembers since when it has been in this doubt.
        job: what the scheduler says of it: that the end may yet be told, or nothing any more.

    """
    if job is not None:
        now = time.monotonic()
        if block.doubt != job.reason:
            block.doubt, block.doubt_since = job.reason, now
        if now - block.doubt_since < job.patience:
            return None
        if job.outcome is not None:
            return job.outcome, job.reason
    if block.state is BlockState.RUNNING:
        return JobState.COMPLETED, "it ended while nobody could look"
    return JobState.FAILED, (
        f"the scheduler no longer knows job {block.job_id}: "
        "was it restarted just after the submission?"
    )
