"""Blocks (batch jobs that hold workers) as one run sees them on one cluster."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from parsl.jobs.states import JobState, JobStatus

from towline.errors import TowlineError


class BlockState(Enum):
    """Where a block is between Parsl's wish and the scheduler's last word."""

    WAITING = "waiting"
    """In our hands; nothing was sent to the scheduler."""
    SUBMITTING = "submitting"
    """The submit command is under way."""
    UNANSWERED = "unanswered"
    """The submit command was sent and its answer lost: the job may exist."""
    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"


TRANSITIONS: dict[BlockState, frozenset[BlockState]] = {
    BlockState.WAITING: frozenset({BlockState.SUBMITTING, BlockState.ENDED}),
    BlockState.SUBMITTING: frozenset(
        {BlockState.WAITING, BlockState.UNANSWERED, BlockState.QUEUED, BlockState.ENDED}
    ),
    BlockState.UNANSWERED: frozenset(
        {BlockState.WAITING, BlockState.QUEUED, BlockState.RUNNING, BlockState.ENDED}
    ),
    BlockState.QUEUED: frozenset({BlockState.RUNNING, BlockState.ENDED}),
    # a requeued job goes back to the queue under the same id
    BlockState.RUNNING: frozenset({BlockState.QUEUED, BlockState.ENDED}),
    BlockState.ENDED: frozenset(),
}


@dataclass
class Block:
    """One block; changed only by the cluster's batch thread, under its lock.

    Attributes:
        handle: what Parsl calls the job; ours, known before the scheduler gives an id.
        job_name: ``tl.<tag>.<label>.<n>…``, unique; empty until the job script is written.
        outcome: Parsl's terminal state once the block has ended.
        fault: why neither this block nor another one of its executor can be submitted.
        doubt: why it is not known how the job ended, though it has left the queue.
        not_before: a refused block is not submitted again before this time (monotonic).

    """

    handle: str
    label: str
    number: int
    job_name: str = ""
    job_id: str | None = None
    state: BlockState = BlockState.WAITING
    outcome: JobState | None = None
    reason: str = ""
    nodes: str = ""
    fault: TowlineError | None = None
    not_before: float = 0.0
    cancel_wanted: bool = False
    absences: int = 0
    unlisted_since: float = 0.0
    missing_since: float = 0.0
    doubt: str = ""
    doubt_since: float = 0.0
    attempts: int = 0
    remote_stdout: str = ""
    remote_stderr: str = ""
    local_stdout: str = ""
    local_stderr: str = ""
    ledger_entry: str = ""
    since: float = field(default_factory=time.monotonic)

    def move(self, state: BlockState, reason: str = "") -> bool:
        """Go to a state; return whether that, or the reason, is news.

        Raises:
            ValueError: the transition is not in the table.

        """
        if state is self.state:
            news = reason != self.reason
            self.reason = reason
            return news
        if state not in TRANSITIONS[self.state]:
            raise ValueError(f"block {self.handle}: {self.state.value} -> {state.value}")
        self.state = state
        self.reason = reason
        self.since = time.monotonic()
        return True

    def end(self, outcome: JobState, reason: str = "") -> bool:
        """Go to ENDED with an outcome; return whether that is news."""
        if self.state is BlockState.ENDED:
            return False
        self.outcome = outcome
        return self.move(BlockState.ENDED, reason)

    def due(self) -> bool:
        """Return whether it is time to submit the block."""
        return self.state is BlockState.WAITING and time.monotonic() >= self.not_before

    @property
    def alive(self) -> bool:
        """Whether the scheduler may still hold a job of this block."""
        return self.state is not BlockState.ENDED

    def facts(self) -> dict[str, Any]:
        """Return the block as the run's record keeps it."""
        return {
            "executor": self.label,
            "block": self.number,
            "state": self.state.value,
            "job_id": self.job_id,
            "outcome": self.outcome.name.lower() if self.outcome else None,
            "reason": self.reason,
            "nodes": self.nodes,
        }

    def parsl_status(self) -> JobStatus:
        """Return the block's state in Parsl's words.

        A block that we cancel counts as gone at once, and as scaled in: for ``CANCELLED`` Parsl
        would blame the site when no worker had come yet.
        """
        if self.cancel_wanted:
            return JobStatus(JobState.SCALED_IN, self.reason or None)
        if self.state is BlockState.ENDED:
            return JobStatus(
                self.outcome or JobState.FAILED,
                self.reason or None,
                stdout_path=self.local_stdout or None,
                stderr_path=self.local_stderr or None,
            )
        if self.state is BlockState.RUNNING:
            return JobStatus(JobState.RUNNING)
        return JobStatus(JobState.PENDING, self.reason or None)
