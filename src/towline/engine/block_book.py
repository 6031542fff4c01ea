"""The blocks of one run on one cluster: each told and noted at every change."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from parsl.jobs.states import JobState

from towline.engine.block_output import fetch_output
from towline.engine.blocks import Block, BlockState
from towline.engine.ledger import Ledger, Report
from towline.errors import TowlineError
from towline.ssh import Connection


class BlockBook:
    """Blocks by handle; changed by one thread, read by others.

    Args:
        cluster: the cluster's name, for events.
        connection: fetches the output of blocks that have ended.

    Attributes:
        changed: to be held while blocks are read or changed; notified when one has ended.
        blocks: by handle, in the order of their coming.
        senders: what submits each.

    """

    def __init__(
        self, cluster: str, connection: Connection, report: Report, ledger: Ledger
    ) -> None:
        self._cluster = cluster
        self._connection = connection
        self._report = report
        self._ledger = ledger
        self.changed = threading.Condition()
        self.blocks: dict[str, Block] = {}
        self.senders: dict[str, Callable[[Block], str]] = {}

    def adopt(self, block: Block, job_id: str) -> None:
        """Take a job that is in the queue for a block's."""
        block.job_id = job_id
        self.move(block, BlockState.QUEUED)
        self._ledger.created(block.ledger_entry, job_id=job_id)

    def intend(self, block: Block, job_name: str) -> None:
        """Write a job into the ledger, just before it is submitted under this name."""
        self.forget(block)
        block.job_name = job_name
        block.ledger_entry = self._ledger.intend(
            "job", self._cluster, name=job_name, executor=block.label
        )

    def forget(self, block: Block) -> None:
        """Cross a job out; should it appear all the same, it is nobody's and is cancelled."""
        if block.ledger_entry:
            self._ledger.removed(block.ledger_entry)
            block.ledger_entry = ""
        if block.alive:
            block.job_name = ""

    def end(
        self, block: Block, outcome: JobState, reason: str, *, fault: TowlineError | None = None
    ) -> None:
        """Note how a block's job has ended, cancelled where that was wanted; fetch its output."""
        if block.cancel_wanted:
            outcome = JobState.CANCELLED
        fetch_output(self._connection, block)
        with self.changed:
            news = block.end(outcome, reason)
            block.fault = fault
            self.changed.notify_all()
        if news:
            self.tell(block)
        self.forget(block)

    def move(self, block: Block, state: BlockState, reason: str = "") -> bool:
        """Note a block's new state; return whether that was news."""
        with self.changed:
            news = block.move(state, reason)
        if news:
            self.tell(block)
        return news

    def say(self, event: str, **facts: object) -> None:
        """Report; a full disk or a closed pipe must not keep jobs from being watched."""
        with contextlib.suppress(Exception):
            self._report(event, cluster=self._cluster, **facts)

    def tell(self, block: Block) -> None:
        """Report what is known of a block."""
        self.say("block", **block.facts())
