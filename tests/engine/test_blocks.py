"""States of a block."""

from __future__ import annotations

import pytest
from parsl.jobs.states import JobState

from towline.engine.blocks import TRANSITIONS, Block, BlockState


def test_a_transition_that_is_not_in_the_table_raises() -> None:
    """An ended block stays ended."""
    block = Block("a/0", "a", 0)
    with pytest.raises(ValueError, match="waiting -> running"):
        block.move(BlockState.RUNNING)
    block.end(JobState.CANCELLED)
    with pytest.raises(ValueError, match="ended -> queued"):
        block.move(BlockState.QUEUED)


def test_every_state_can_end() -> None:
    """No state is a trap."""
    for state, ways in TRANSITIONS.items():
        assert state is BlockState.ENDED or BlockState.ENDED in ways


def test_an_unanswered_submission_is_pending_for_parsl() -> None:
    """Parsl must neither count it as failed nor submit another."""
    block = Block("a/0", "a", 0)
    block.move(BlockState.SUBMITTING)
    block.move(BlockState.UNANSWERED, "timed out")
    assert block.parsl_status().state is JobState.PENDING


def test_a_cancelled_block_is_gone_for_parsl_at_once() -> None:
    """The scheduler's confirmation is the batch thread's business."""
    block = Block("a/0", "a", 0)
    block.cancel_wanted = True
    assert block.parsl_status().state is JobState.SCALED_IN
    assert block.alive
