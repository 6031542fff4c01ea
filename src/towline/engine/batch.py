"""The one background thread that speaks to a cluster's scheduler for all executors of a run.

Parsl has a single scaling thread for all clusters. Nothing here makes it wait: its calls only
read and write the blocks below, and this thread does the talking: submissions one by one, cancels
in one command, one poll for all blocks, slower while nothing changes.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

from parsl.jobs.states import JobState, JobStatus

from towline.engine.block_output import fetch_output
from towline.engine.blocks import Block, BlockState
from towline.engine.error_handler import LOOK
from towline.engine.forgotten import judge
from towline.engine.ledger import Ledger, Report
from towline.engine.pace import Pace
from towline.engine.scheduler import NotObserved, Observation, Scheduler
from towline.errors import (
    CommandTimedOut,
    ConnectionDropped,
    ReachError,
    SubmitRefused,
    TowlineError,
)
from towline.ssh import Connection

POLL_FIRST, POLL_SLOWEST, POLL_GROWTH = 0.5, 15.0, 1.6
RETRY_SECONDS = 3.0
"""Between attempts at something that the cluster, or the way to it, did not let us do."""
REFUSED_SLOWEST = 60.0
"""Between attempts at a submission that is refused again and again: sites ban who hammers."""
UNANSWERED_SECONDS = 40.0
"""A lost answer's job may appear this late: the remote submit command is given 30 s."""
ABSENCES = 2
"""So many listings must miss a known job before it is looked up by id."""


DOUBTFUL = (CommandTimedOut, ConnectionDropped)
"""After these, a command that was sent may have had an effect."""


class SubmissionFailed(Exception):
    """The submit command answered with an error; its words are the argument."""


def named(error: Exception) -> str:
    """Return an error that is not one of ours, in words."""
    return f"{type(error).__name__}: {error}"


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
        self._prefix = prefix
        self._report = report
        self._ledger = ledger
        self._blocks: dict[str, Block] = {}
        self._senders: dict[str, Callable[[Block], str]] = {}
        self._strays: set[str] = set()
        self._cancelled: set[str] = set()
        self._changed = threading.Condition()
        self._closing = False
        self._pace = Pace(POLL_FIRST, POLL_SLOWEST, POLL_GROWTH)
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
        with self._changed:
            number = sum(block.label == label for block in self._blocks.values())
            block = Block(handle=f"{label}/{number}", label=label, number=number)
            self._blocks[block.handle] = block
            self._senders[block.handle] = send
            self._tell(block)  # before the thread can have more to tell of it
            self._changed.notify()
        return block

    def statuses(self, handles: Iterable[str]) -> list[JobStatus]:
        """Return the last known state of each block, without asking anybody."""
        with self._changed:
            return [self._blocks[handle].parsl_status() for handle in handles]

    def refusal(self, label: str) -> TowlineError | None:
        """Return why no block of this executor will ever be submitted, when that is known."""
        with self._changed:
            return next(
                (b.fault for b in self._blocks.values() if b.label == label and b.fault), None
            )

    def look_now(self) -> None:
        """Ask the scheduler at once: its next word is worth more than its peace."""
        with self._changed:
            self._pace.now()
            self._changed.notify()

    def cancel(self, handles: Iterable[str], reason: str = "no longer needed") -> None:
        """Ask for blocks to be cancelled and return at once; repeated until it is done."""
        with self._changed:
            for handle in handles:
                block = self._blocks[handle]
                if block.alive:
                    block.cancel_wanted = True
                    block.reason = reason
            self._pace.now()
            self._changed.notify()

    def cancel_all(self, reason: str) -> int:
        """Ask for every living block to be cancelled; return how many there were."""
        with self._changed:
            alive = [b.handle for b in self._blocks.values() if b.alive and not b.cancel_wanted]
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
        with self._changed:
            while self._thread.is_alive() and any(b.alive for b in self._blocks.values()):
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(min(left, 0.5))
            self._closing = True
            self._changed.notify()
        self._thread.join(max(1.0, deadline - time.monotonic()))
        with self._changed:
            return [block for block in self._blocks.values() if block.alive]

    # -- the thread ------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._closing and (pause := self._pause()) > 0:
                    self._changed.wait(pause)
                if self._closing:
                    return
                waiting = [block for block in self._blocks.values() if block.due()]
            troubles = [self._try(partial(self._submit, block)) for block in waiting]
            if time.monotonic() >= self._pace.due:
                troubles += [self._try(self._poll), self._try(self._cancel)]
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
        alive = [block for block in self._blocks.values() if block.alive]
        if not alive and not self._strays:
            return 60.0
        if now < self._not_before:
            return self._not_before - now
        waiting = (b.not_before for b in alive if b.state is BlockState.WAITING)
        return max(0.0, min([self._pace.due, *waiting]) - now)

    def _complain(self, text: str) -> None:
        """Report that the scheduler cannot be asked, once, and once that it can again."""
        if text and text != self._complaint:
            self._say("warning", text=text)
        elif self._complaint and not text:
            self._say("recovered", text="the scheduler answers again")
        self._complaint = text

    # -- submitting ------------------------------------------------------------------------

    def _submit(self, block: Block) -> None:
        if block.cancel_wanted:
            self._end(block, JobState.CANCELLED, "cancelled before it was submitted")
            return
        self._connection.open()  # fails here: nothing was sent, the block goes on waiting
        with self._changed:
            block.move(BlockState.SUBMITTING)
            block.attempts += 1
        try:
            job_id = self._senders[block.handle](block)
        except SubmissionFailed as error:
            self._refused(block, str(error))
            return
        except Exception as error:
            if isinstance(error, TowlineError) and not isinstance(error, ReachError):
                self._end(block, JobState.FAILED, f"{error.thing}: {error.cause}", fault=error)
                return
            # the way to the cluster, or the workspace's own trouble, such as a full disk
            not_sent = isinstance(error, ReachError) and not isinstance(error, DOUBTFUL)
            sent = bool(block.ledger_entry) and not not_sent
            words = error.cause if isinstance(error, ReachError) else named(error)
            if sent:
                self._move(block, BlockState.UNANSWERED, f"no answer to the submission: {words}")
            else:
                self._move(block, BlockState.WAITING, f"waiting: {words}")
            raise
        self._adopt(block, job_id)
        self._pace.hurry()

    def _refused(self, block: Block, words: str) -> None:
        refusal = self._scheduler.read_refusal(words)
        if not refusal.certain:
            self._move(block, BlockState.UNANSWERED, refusal.words)
            self._pace.hurry()
        elif refusal.transient or self._has_others(block):
            self._forget(block)
            pause = min(RETRY_SECONDS * 2 ** min(block.attempts - 1, 10), REFUSED_SLOWEST)
            block.not_before = time.monotonic() + pause
            self._move(block, BlockState.WAITING, refusal.words)
        else:
            fault = SubmitRefused(f"{self.cluster}/{block.label}", refusal.words, LOOK)
            self._end(block, JobState.FAILED, refusal.words, fault=fault)

    def _has_others(self, block: Block) -> bool:
        """Return whether the executor has blocks that work: then a refusal is not its end."""
        lasting = (BlockState.QUEUED, BlockState.RUNNING)
        with self._changed:
            return any(
                other.label == block.label and other.state in lasting and not other.cancel_wanted
                for other in self._blocks.values()
            )

    def _adopt(self, block: Block, job_id: str) -> None:
        block.job_id = job_id
        self._move(block, BlockState.QUEUED)
        self._ledger.created(block.ledger_entry, job_id=job_id)

    def intend(self, block: Block, job_name: str) -> None:
        """Write a job into the ledger, just before it is submitted under this name."""
        self._forget(block)
        block.job_name = job_name
        block.ledger_entry = self._ledger.intend(
            "job", self.cluster, name=job_name, executor=block.label
        )

    def _forget(self, block: Block) -> None:
        """Cross a job out; should it appear all the same, it is nobody's and is cancelled."""
        if block.ledger_entry:
            self._ledger.removed(block.ledger_entry)
            block.ledger_entry = ""
        if block.alive:
            block.job_name = ""

    # -- watching --------------------------------------------------------------------------

    def _poll(self) -> None:
        jobs = self._list()
        by_name = {job.job_name: job for job in jobs}
        with self._changed:
            blocks = [block for block in self._blocks.values() if block.alive and block.job_name]
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
        self._strays = {job.job_id for job in by_name.values() if job.is_there}
        self._strays |= {job.job_id for job in jobs if job.stuck}
        if news or missing:
            self._pace.hurry()
        else:
            self._pace.slow_down()
        with self._changed:
            self._changed.notify_all()

    def _list(self) -> list[Observation]:
        answer = self._connection.run(self._scheduler.list_script(self._prefix), timeout=45)
        return self._scheduler.read_list(answer.stdout)

    def _seen(self, block: Block, job: Observation) -> bool:
        block.absences, block.missing_since = 0, 0.0
        if job.nodes:
            block.nodes = job.nodes
        if block.job_id is None:  # the answer was lost, the job was not
            self._adopt(block, job.job_id)
        if job.state is BlockState.ENDED:
            assert job.outcome is not None, "an ended job has an outcome"  # noqa: S101
            self._end(block, job.outcome, job.reason)
            return True
        if job.state is None or (job.state is block.state and job.reason == block.reason):
            return False
        return self._move(block, job.state, block.reason if block.cancel_wanted else job.reason)

    def _still_unanswered(self, block: Block) -> None:
        # counted from the first listing: until the network is back, the script may not have run
        block.unlisted_since = block.unlisted_since or time.monotonic()
        if time.monotonic() - block.unlisted_since > UNANSWERED_SECONDS:
            block.unlisted_since = 0.0
            self._forget(block)
            self._move(block, BlockState.WAITING, "the submission left no job; trying again")

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
                self._end(block, JobState.CANCELLED, block.reason)
            elif untold is None and self._may_still_be_told(block):
                continue
            elif end := judge(block, untold):
                self._end(block, *end)
            elif untold:
                self._move(block, block.state, untold.reason)

    def _may_still_be_told(self, block: Block) -> bool:
        block.missing_since = block.missing_since or time.monotonic()
        waited = time.monotonic() - block.missing_since
        return waited < self._scheduler.settle_seconds

    # -- cancelling and ending ---------------------------------------------------------------

    def _cancel(self) -> None:
        with self._changed:
            doomed = [
                block.job_id
                for block in self._blocks.values()
                if block.cancel_wanted and block.alive and block.job_id
            ]
            dropped = [
                block
                for block in self._blocks.values()
                if block.cancel_wanted and block.state is BlockState.WAITING
            ]
        for block in dropped:
            self._end(block, JobState.CANCELLED, "cancelled before it was submitted")
        ids = [*doomed, *sorted(self._strays)]
        if ids:
            self._connection.run(self._scheduler.cancel_script(ids), timeout=45)
            if not self._cancelled.issuperset(ids):  # a job may take its time to end
                self._pace.hurry()
            self._cancelled.update(ids)

    def _end(
        self, block: Block, outcome: JobState, reason: str, *, fault: TowlineError | None = None
    ) -> None:
        if block.cancel_wanted:
            outcome = JobState.CANCELLED
        fetch_output(self._connection, block)
        with self._changed:
            news = block.end(outcome, reason)
            block.fault = fault
            self._changed.notify_all()
        if news:
            self._tell(block)
        self._forget(block)

    def _move(self, block: Block, state: BlockState, reason: str = "") -> bool:
        with self._changed:
            news = block.move(state, reason)
        if news:
            self._tell(block)
        return news

    def _say(self, event: str, **facts: object) -> None:
        """Report; a full disk or a closed pipe must not keep jobs from being watched."""
        with contextlib.suppress(Exception):
            self._report(event, cluster=self.cluster, **facts)

    def _tell(self, block: Block) -> None:
        self._say("block", **block.facts())
