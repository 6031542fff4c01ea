"""One submission: adopted, refused, to be tried again, or unanswered and then looked for."""

from __future__ import annotations

import time

from parsl.jobs.states import JobState

from towline.engine.block_book import BlockBook
from towline.engine.blocks import Block, BlockState
from towline.engine.error_handler import LOOK
from towline.engine.pace import Pace
from towline.engine.scheduler import Scheduler
from towline.errors import (
    CommandTimedOut,
    ConnectionDropped,
    ReachError,
    SubmitRefused,
    TowlineError,
)
from towline.ssh import Connection

RETRY_SECONDS = 3.0
"""Between attempts at something that the cluster, or the way to it, did not let us do."""

REFUSED_SLOWEST = 60.0
"""Between attempts at a submission that is refused again and again: sites ban who hammers."""

DOUBTFUL = (CommandTimedOut, ConnectionDropped)
"""After these, a command that was sent may have had an effect."""


class SubmissionFailed(Exception):
    """The submit command answered with an error; its words are the argument."""


def named(error: Exception) -> str:
    """Return an error that is not one of ours, in words."""
    return f"{type(error).__name__}: {error}"


class Submitter:
    """Submits the blocks of one cluster, one by one.

    Args:
        cluster: the cluster's name, for messages.

    """

    def __init__(
        self,
        cluster: str,
        book: BlockBook,
        connection: Connection,
        scheduler: Scheduler,
        pace: Pace,
    ) -> None:
        self._cluster = cluster
        self._book = book
        self._connection = connection
        self._scheduler = scheduler
        self._pace = pace

    def submit(self, block: Block) -> None:
        """Submit a block; what goes wrong on the way is noted with it, then raised."""
        if block.cancel_wanted:
            self._book.end(block, JobState.CANCELLED, "cancelled before it was submitted")
            return
        self._connection.open()  # fails here: nothing was sent, the block goes on waiting
        with self._book.changed:
            block.move(BlockState.SUBMITTING)
            block.attempts += 1
        try:
            job_id = self._book.senders[block.handle](block)
        except SubmissionFailed as error:
            self._refused(block, str(error))
            return
        except Exception as error:
            if isinstance(error, TowlineError) and not isinstance(error, ReachError):
                self._book.end(block, JobState.FAILED, f"{error.thing}: {error.cause}", fault=error)
                return
            # the way to the cluster, or the workspace's own trouble, such as a full disk
            not_sent = isinstance(error, ReachError) and not isinstance(error, DOUBTFUL)
            sent = bool(block.ledger_entry) and not not_sent
            words = error.cause if isinstance(error, ReachError) else named(error)
            if sent:
                self._book.move(
                    block, BlockState.UNANSWERED, f"no answer to the submission: {words}"
                )
            else:
                self._book.move(block, BlockState.WAITING, f"waiting: {words}")
            raise
        self._book.adopt(block, job_id)
        self._pace.hurry()

    def _refused(self, block: Block, words: str) -> None:
        refusal = self._scheduler.read_refusal(words)
        if not refusal.certain:
            self._book.move(block, BlockState.UNANSWERED, refusal.words)
            self._pace.hurry()
        elif refusal.transient or self._has_others(block):
            self._book.forget(block)
            pause = min(RETRY_SECONDS * 2 ** min(block.attempts - 1, 10), REFUSED_SLOWEST)
            block.not_before = time.monotonic() + pause
            self._book.move(block, BlockState.WAITING, refusal.words)
        else:
            fault = SubmitRefused(f"{self._cluster}/{block.label}", refusal.words, LOOK)
            self._book.end(block, JobState.FAILED, refusal.words, fault=fault)

    def _has_others(self, block: Block) -> bool:
        """Return whether the executor has blocks that work: then a refusal is not its end."""
        lasting = (BlockState.QUEUED, BlockState.RUNNING)
        with self._book.changed:
            return any(
                other.label == block.label and other.state in lasting and not other.cancel_wanted
                for other in self._book.blocks.values()
            )
