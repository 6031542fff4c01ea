"""One look at the scheduler's queue: what it says of each block, and which jobs are nobody's."""

from __future__ import annotations

import time

from parsl.jobs.states import JobState

from towline.engine.block_book import BlockBook
from towline.engine.blocks import Block, BlockState
from towline.engine.forgotten import judge
from towline.engine.pace import Pace
from towline.engine.scheduler import Observation, Scheduler
from towline.ssh import Connection

UNANSWERED_SECONDS = 40.0
"""A lost answer's job may appear this late: the remote submit command is given 30 s."""

ABSENCES = 2
"""So many listings must miss a known job before it is looked up by id."""


class QueueWatch:
    """Watches the jobs of one run on one cluster, all in one listing.

    Args:
        prefix: begins the name of every job of this run, and of no other.

    Attributes:
        strays: ids of jobs of this run that no block has, or whose block has ended for us.

    """

    def __init__(
        self,
        book: BlockBook,
        connection: Connection,
        scheduler: Scheduler,
        pace: Pace,
        prefix: str,
    ) -> None:
        self._book = book
        self._connection = connection
        self._scheduler = scheduler
        self._pace = pace
        self._prefix = prefix
        self.strays: set[str] = set()

    def look(self) -> None:
        """List the jobs, look up those that are missing, and note what is new of each block."""
        jobs = self._list()
        by_name = {job.job_name: job for job in jobs}
        with self._book.changed:
            blocks = [
                block for block in self._book.blocks.values() if block.alive and block.job_name
            ]
        missing = []
        news = False
        for block in blocks:
            job = by_name.pop(block.job_name, None)
            if job is not None:
                news |= self._seen(block, job)
            elif block.state is BlockState.UNANSWERED:
                self._still_unanswered(block)
            elif block.job_id:
                block.absences += 1
                if block.absences >= ABSENCES:
                    missing.append(block)
        if missing:
            self._look_up(missing)
        # a stuck job's block has ended for us, and nobody else would cancel it
        self.strays = {job.job_id for job in by_name.values() if job.is_there}
        self.strays |= {job.job_id for job in jobs if job.stuck}
        if news or missing:
            self._pace.hurry()
        else:
            self._pace.slow_down()
        with self._book.changed:
            self._book.changed.notify_all()

    def _list(self) -> list[Observation]:
        answer = self._connection.run(self._scheduler.list_script(self._prefix), timeout=45)
        return self._scheduler.read_list(answer.stdout)

    def _seen(self, block: Block, job: Observation) -> bool:
        block.absences, block.missing_since = 0, 0.0
        if job.nodes:
            block.nodes = job.nodes
        if block.job_id is None:  # the answer was lost, the job was not
            self._book.adopt(block, job.job_id)
        if job.state is BlockState.ENDED:
            assert job.outcome is not None, "an ended job has an outcome"  # noqa: S101
            self._book.end(block, job.outcome, job.reason)
            return True
        if job.state is None or (job.state is block.state and job.reason == block.reason):
            return False
        return self._book.move(
            block, job.state, block.reason if block.cancel_wanted else job.reason
        )

    def _still_unanswered(self, block: Block) -> None:
        # counted from the first listing: until the network is back, the script may not have run
        block.unlisted_since = block.unlisted_since or time.monotonic()
        if time.monotonic() - block.unlisted_since > UNANSWERED_SECONDS:
            block.unlisted_since = 0.0
            self._book.forget(block)
            self._book.move(block, BlockState.WAITING, "the submission left no job; trying again")

    def _look_up(self, blocks: list[Block]) -> None:
        """Ask by id about jobs that the listing no longer has."""
        ids = [block.job_id for block in blocks if block.job_id]
        answer = self._connection.run(self._scheduler.detail_script(ids), timeout=60)
        found = {job.job_id: job for job in self._scheduler.read_detail(answer.stdout)}
        for block in blocks:
            job = found.get(block.job_id or "")
            untold = job if job is not None and job.patience else None
            if job is not None and not untold and job.job_name == block.job_name:
                self._seen(block, job)
            elif block.cancel_wanted:
                self._book.end(block, JobState.CANCELLED, block.reason)
            elif untold is None and self._may_still_be_told(block):
                continue
            elif end := judge(block, untold):
                self._book.end(block, *end)
            elif untold:
                self._book.move(block, block.state, untold.reason)

    def _may_still_be_told(self, block: Block) -> bool:
        block.missing_since = block.missing_since or time.monotonic()
        waited = time.monotonic() - block.missing_since
        return waited < self._scheduler.settle_seconds
