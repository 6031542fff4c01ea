"""The one background thread that speaks to a cluster's scheduler for all executors of a run.

Parsl has a single scaling thread for all clusters. Nothing here makes it wait: its calls only
read and write the blocks below, and this thread does the talking: submissions one by one, cancels
in one command, one poll for all blocks, slower while nothing changes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

from parsl.jobs.states import JobState, JobStatus

from towline.engine.block_book import BlockBook
from towline.engine.blocks import Block, BlockState
from towline.engine.ledger import Ledger, Report
from towline.engine.pace import Pace
from towline.engine.queue_watch import QueueWatch
from towline.engine.scheduler import NotObserved, Scheduler
from towline.engine.submitting import RETRY_SECONDS, Submitter, named
from towline.errors import TowlineError
from towline.ssh import Connection

POLL_FIRST, POLL_SLOWEST, POLL_GROWTH = 0.5, 15.0, 1.6


class BatchThread:
    """Submit, watch and cancel the blocks of one run on one cluster.

    Args:
        cluster: the cluster's name, for messages.
        prefix: begins the name of every job of this run, and of no other.

    """

    def __init__(
        self,
        cluster: str,
        connection: Connection,
        scheduler: Scheduler,
        prefix: str,
        report: Report,
        ledger: Ledger,
    ) -> None:
        self.cluster = cluster
        self._connection = connection
        self._scheduler = scheduler
        self._pace = Pace(POLL_FIRST, POLL_SLOWEST, POLL_GROWTH)
        self._book = BlockBook(cluster, connection, report, ledger)
        self._submitter = Submitter(cluster, self._book, connection, scheduler, self._pace)
        self._watch = QueueWatch(self._book, connection, scheduler, self._pace, prefix)
        self._cancelled: set[str] = set()
        self._closing = False
        self._not_before = 0.0
        self._complaint = ""
        self._thread = threading.Thread(target=self._work, name=f"batch {cluster}", daemon=True)
        self._thread.start()

    def submit(self, label: str, send: Callable[[Block], str]) -> Block:
        """Take a block to submit and return at once.

        Args:
            label: the executor's.
            send: called in this object's thread; submits and returns the job's id. Raises
                :class:`SubmissionFailed` or :class:`~towline.errors.ReachError`.

        """
        with self._book.changed:
            number = sum(block.label == label for block in self._book.blocks.values())
            block = Block(handle=f"{label}/{number}", label=label, number=number)
            self._book.blocks[block.handle] = block
            self._book.senders[block.handle] = send
            self._book.tell(block)  # before the thread can have more to tell of it
            self._book.changed.notify()
        return block

    def statuses(self, handles: Iterable[str]) -> list[JobStatus]:
        """Return the last known state of each block, without asking anybody."""
        with self._book.changed:
            return [self._book.blocks[handle].parsl_status() for handle in handles]

    def refusal(self, label: str) -> TowlineError | None:
        """Return why no block of this executor will ever be submitted, when that is known."""
        with self._book.changed:
            return next(
                (b.fault for b in self._book.blocks.values() if b.label == label and b.fault), None
            )

    def intend(self, block: Block, job_name: str) -> None:
        """Write a job into the ledger, just before it is submitted under this name."""
        self._book.intend(block, job_name)

    def look_now(self) -> None:
        """Ask the scheduler at once: its next word is worth more than its peace."""
        with self._book.changed:
            self._pace.now()
            self._book.changed.notify()

    def cancel(self, handles: Iterable[str], reason: str = "no longer needed") -> None:
        """Ask for blocks to be cancelled and return at once; repeated until it is done."""
        with self._book.changed:
            for handle in handles:
                block = self._book.blocks[handle]
                if block.alive:
                    block.cancel_wanted = True
                    block.reason = reason
            self._pace.now()
            self._book.changed.notify()

    def cancel_all(self, reason: str) -> int:
        """Ask for every living block to be cancelled; return how many there were."""
        with self._book.changed:
            alive = [
                b.handle for b in self._book.blocks.values() if b.alive and not b.cancel_wanted
            ]
        self.cancel(alive, reason)
        return len(alive)

    def close(self, timeout: float) -> list[Block]:
        """Cancel what lives, wait until the scheduler says it is gone, and stop the thread.

        Args:
            timeout: seconds; an unreachable cluster must not hold the run for ever.

        Returns:
            The blocks that may still exist; they stay open in the ledger.

        """
        self.cancel_all("the run ends")
        deadline = time.monotonic() + timeout
        with self._book.changed:
            while self._thread.is_alive() and any(b.alive for b in self._book.blocks.values()):
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._book.changed.wait(min(left, 0.5))
            self._closing = True
            self._book.changed.notify()
        self._thread.join(max(1.0, deadline - time.monotonic()))
        with self._book.changed:
            return [block for block in self._book.blocks.values() if block.alive]

    # -- the thread ------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._book.changed:
                while not self._closing and (pause := self._pause()) > 0:
                    self._book.changed.wait(pause)
                if self._closing:
                    return
                waiting = [block for block in self._book.blocks.values() if block.due()]
            troubles = [self._try(partial(self._submitter.submit, block)) for block in waiting]
            if time.monotonic() >= self._pace.due:
                troubles += [self._try(self._watch.look), self._try(self._cancel)]
            trouble = next(filter(None, troubles), "")
            if trouble:
                self._not_before = time.monotonic() + RETRY_SECONDS
            self._complain(trouble)

    def _try(self, step: Callable[[], None]) -> str:
        """Take a step; return what went wrong, in words, or nothing.

        Nothing that goes wrong with one block may keep the others from being watched, and a thread
        that died would leave its jobs to nobody.
        """
        try:
            step()
        except (TowlineError, NotObserved) as error:
            return str(error)
        except Exception as error:
            return named(error)
        return ""

    def _pause(self) -> float:
        """Return the seconds until there is something to do; the lock is held."""
        now = time.monotonic()
        alive = [block for block in self._book.blocks.values() if block.alive]
        if not alive and not self._watch.strays:
            return 60.0
        if now < self._not_before:
            return self._not_before - now
        waiting = (b.not_before for b in alive if b.state is BlockState.WAITING)
        return max(0.0, min([self._pace.due, *waiting]) - now)

    def _complain(self, text: str) -> None:
        """Report that the scheduler cannot be asked, once, and once that it can again."""
        if text and text != self._complaint:
            self._book.say("warning", text=text)
        elif self._complaint and not text:
            self._book.say("recovered", text="the scheduler answers again")
        self._complaint = text

    # -- cancelling ------------------------------------------------------------------------

    def _cancel(self) -> None:
        with self._book.changed:
            doomed = [
                block.job_id
                for block in self._book.blocks.values()
                if block.cancel_wanted and block.alive and block.job_id
            ]
            dropped = [
                block
                for block in self._book.blocks.values()
                if block.cancel_wanted and block.state is BlockState.WAITING
            ]
        for block in dropped:
            self._book.end(block, JobState.CANCELLED, "cancelled before it was submitted")
        ids = [*doomed, *sorted(self._watch.strays)]
        if ids:
            self._connection.run(self._scheduler.cancel_script(ids), timeout=45)
            if not self._cancelled.issuperset(ids):  # a job may take its time to end
                self._pace.hurry()
            self._cancelled.update(ids)
