"""The batch thread: asked by Parsl, answered at once; what it does when answers do not come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from parsl.jobs.states import JobState

from towline.engine import batch as batch_module
from towline.engine import queue_watch, submitting
from towline.engine.batch import BatchThread
from towline.engine.blocks import Block, BlockState
from towline.engine.scheduler import NotObserved, Observation, Refusal
from towline.engine.submitting import SubmissionFailed
from towline.errors import ConnectionDropped, HostUnreachable
from towline.ssh import CommandResult

PREFIX = "tl.r1-00000000."


@dataclass
class FakeScheduler:
    """A scheduler whose jobs are a dictionary; scripts are the names of what is asked."""

    jobs: dict[str, Observation] = field(default_factory=dict)
    details: list[Observation] = field(default_factory=list)
    name: str = "fake"
    submit_command: str = "submit"
    cancel_command: str = "cancel"
    settle_seconds: float = 0.0
    silent: bool = False
    hidden: bool = False
    listings: int = 0
    cancelled: list[str] = field(default_factory=list)

    def list_script(self, prefix: str) -> str:
        return "list"

    def read_list(self, output: str) -> list[Observation]:
        self.listings += 1
        if self.silent:
            raise NotObserved("no answer")
        return [] if self.hidden else list(self.jobs.values())

    def detail_script(self, job_ids: Sequence[str]) -> str:
        return "detail"

    def read_detail(self, output: str) -> list[Observation]:
        return self.details

    def living_script(self, prefix: str) -> str:
        return "living"

    def cancel_script(self, job_ids: Sequence[str]) -> str:
        self.cancelled += job_ids
        for name, job in self.jobs.items():
            if job.job_id in job_ids:
                self.set(name, BlockState.ENDED, JobState.CANCELLED)
        return "cancel"

    def read_refusal(self, words: str) -> Refusal:
        return Refusal(words, certain="maybe" not in words, transient="later" in words)

    def set(self, name: str, state: BlockState, outcome: JobState | None = None) -> None:
        number = self.jobs[name].job_id if name in self.jobs else str(len(self.jobs) + 1)
        self.jobs[name] = Observation(number, name, state, outcome, "why")


class FakeConnection:
    """Answers everything with nothing, or is down."""

    def __init__(self) -> None:
        self.down = False

    def open(self, **_: Any) -> None:
        if self.down:
            raise HostUnreachable("cluster fake", "down")

    def run(self, script: str, **_: Any) -> CommandResult:
        self.open()
        return CommandResult(0, "", "", 0.0)


class FakeLedger:
    """Counts what is open."""

    def __init__(self) -> None:
        self.open: dict[str, str] = {}

    def intend(self, kind: str, cluster: str, **what: Any) -> str:
        entry = str(len(self.open) + 1) + what["name"]
        self.open[entry] = what["name"]
        return entry

    def created(self, entry: str, /, **facts: Any) -> None:
        assert entry in self.open

    def removed(self, entry: str, /, **facts: Any) -> None:
        self.open.pop(entry)


@dataclass
class World:
    """A batch thread with everything around it faked."""

    scheduler: FakeScheduler
    connection: FakeConnection
    ledger: FakeLedger
    events: list[tuple[str, dict[str, Any]]]
    batch: BatchThread
    sent: int = 0

    def send(self, block: Block) -> str:
        """Create a job as a submit command does."""
        self.sent += 1
        self.batch.intend(block, f"{PREFIX}a.{block.number}.{self.sent}")
        self.scheduler.set(block.job_name, BlockState.QUEUED)
        return self.scheduler.jobs[block.job_name].job_id

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, f"never: {what}"
            time.sleep(0.01)

    def state(self, block: Block, state: JobState) -> None:
        def there() -> bool:
            return self.batch.statuses([block.handle])[0].state is state

        self.until(there, f"{block.handle} {state.name}")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(batch_module, "POLL_FIRST", 0.02)
    monkeypatch.setattr(batch_module, "POLL_SLOWEST", 0.05)
    monkeypatch.setattr(batch_module, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(submitting, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(queue_watch, "UNANSWERED_SECONDS", 0.2)
    scheduler, connection, ledger = FakeScheduler(), FakeConnection(), FakeLedger()
    events: list[tuple[str, dict[str, Any]]] = []

    def report(event: str, /, **facts: Any) -> None:
        events.append((event, facts))

    thread: Any = BatchThread("fake", connection, scheduler, PREFIX, report, ledger)  # type: ignore[arg-type]
    made = World(scheduler, connection, ledger, events, thread)
    yield made
    scheduler.silent = scheduler.hidden = connection.down = False
    made.batch.close(10)


def test_submit_returns_before_anything_is_sent(world: World) -> None:
    """Parsl's one scaling thread must never wait for a cluster."""
    gate = threading.Event()

    def slow(block: Block) -> str:
        assert gate.wait(10)
        return world.send(block)

    block = world.batch.submit("a", slow)
    assert world.batch.statuses([block.handle])[0].state is JobState.PENDING
    world.batch.cancel([])
    gate.set()
    world.until(lambda: block.job_id == "1", "submitted")


def test_a_block_goes_the_whole_way(world: World) -> None:
    """Queued, running, ended; each told once, the ledger balanced."""
    block = world.batch.submit("a", world.send)
    world.until(lambda: block.state is BlockState.QUEUED, "queued")
    assert list(world.ledger.open.values()) == [block.job_name]
    world.scheduler.set(block.job_name, BlockState.RUNNING)
    world.state(block, JobState.RUNNING)
    world.scheduler.set(block.job_name, BlockState.ENDED, JobState.TIMEOUT)
    world.state(block, JobState.TIMEOUT)
    world.until(lambda: not world.ledger.open, "balanced")
    states = [facts["state"] for event, facts in world.events if event == "block"]
    assert states == ["waiting", "queued", "running", "ended"]


def test_no_answer_leaves_the_last_known_state(world: World) -> None:
    """A scheduler that cannot be asked kills, resubmits and deletes nothing; it is said once."""
    block = world.batch.submit("a", world.send)
    world.until(lambda: block.state is BlockState.QUEUED, "queued")
    world.scheduler.set(block.job_name, BlockState.RUNNING)
    world.state(block, JobState.RUNNING)
    world.scheduler.silent = True
    asked = world.scheduler.listings
    world.until(lambda: world.scheduler.listings > asked + 3, "asked again")
    assert world.batch.statuses([block.handle])[0].state is JobState.RUNNING
    assert [event for event, _ in world.events].count("warning") == 1
    world.scheduler.silent = False
    world.until(lambda: "recovered" in [event for event, _ in world.events], "recovered")


def test_a_lost_answer_is_looked_up_by_name(world: World) -> None:
    """The job that a broken submission left is adopted, not submitted again."""

    def lost(block: Block) -> str:
        world.send(block)
        raise ConnectionDropped("cluster fake", "cable pulled")

    block = world.batch.submit("a", lost)
    world.until(lambda: block.job_id == "1", "adopted")
    assert world.sent == 1
    assert len(world.scheduler.jobs) == 1
    states = [facts["state"] for event, facts in world.events if event == "block"]
    assert "unanswered" in states


@pytest.mark.parametrize(
    ("assumed", "outcome"), [(None, JobState.FAILED), (JobState.COMPLETED, JobState.COMPLETED)]
)
def test_a_forgotten_job_is_waited_for_while_it_may_be_told(
    world: World, assumed: JobState | None, outcome: JobState
) -> None:
    """An accounting that lags or is down is no failure; but a wait has its end."""
    block = world.batch.submit("a", world.send)
    world.until(lambda: block.state is BlockState.QUEUED, "queued")
    world.scheduler.details = [Observation("1", "", None, assumed, "down", patience=1000)]
    world.scheduler.hidden = True
    world.until(lambda: block.reason == "down", "in doubt")
    assert block.alive
    assert world.ledger.open
    world.scheduler.details = [Observation("1", "", None, assumed, "still down", patience=0.1)]
    world.state(block, outcome)


def test_a_submission_that_left_nothing_is_tried_again_late(world: World) -> None:
    """Only after the remote command must have ended, and under another name."""
    tries: list[str] = []

    def send(block: Block) -> str:
        if tries:
            return world.send(block)
        world.batch.intend(block, f"{PREFIX}a.lost")
        tries.append(block.job_name)
        raise ConnectionDropped("cluster fake", "cable pulled")

    block = world.batch.submit("a", send)
    world.until(lambda: block.job_id is not None, "submitted at last")
    assert block.job_name not in tries
    assert list(world.ledger.open.values()) == [block.job_name]


def test_a_job_that_appears_late_is_cancelled(world: World) -> None:
    """Whatever carries the run's prefix and is no block's job is a stray of a lost answer."""
    block = world.batch.submit("a", world.send)
    world.until(lambda: block.state is BlockState.QUEUED, "queued")
    world.scheduler.set(f"{PREFIX}a.stray", BlockState.QUEUED)
    stray = world.scheduler.jobs[f"{PREFIX}a.stray"].job_id
    world.until(lambda: stray in world.scheduler.cancelled, "stray cancelled")
    assert block.job_id not in world.scheduler.cancelled


def test_a_stuck_job_is_cancelled_though_its_block_was_the_last(world: World) -> None:
    """It has ended for us; in the queue it would stay until somebody cancels it."""
    block = world.batch.submit("a", world.send)
    world.until(lambda: block.state is BlockState.QUEUED, "queued")
    job = world.scheduler.jobs[block.job_name]
    world.scheduler.jobs[block.job_name] = replace(
        job, state=BlockState.ENDED, outcome=JobState.FAILED, stuck=True
    )
    world.until(lambda: job.job_id in world.scheduler.cancelled, "stuck job cancelled")
    assert block.outcome is JobState.FAILED


@pytest.mark.parametrize(("words", "sent"), [("later", 2), ("never", 1)])
def test_refusals(world: World, words: str, sent: int) -> None:
    """A passing refusal is tried again; a final one ends the block with the scheduler's words."""
    attempts: list[int] = []

    def send(block: Block) -> str:
        attempts.append(1)
        if len(attempts) == 1:
            world.batch.intend(block, f"{PREFIX}a.first")
            raise SubmissionFailed(words)
        return world.send(block)

    block = world.batch.submit("a", send)
    if sent == 1:
        world.state(block, JobState.FAILED)
        assert "never" in str(world.batch.refusal("a"))
        assert world.batch.refusal("b") is None
    else:
        world.until(lambda: block.state is BlockState.QUEUED, "queued at last")
    assert len(attempts) == sent


def test_a_refusal_beside_a_block_that_works_is_not_the_end(world: World) -> None:
    """A quota for one job more must not take the tasks of the job that runs."""
    first = world.batch.submit("a", world.send)
    world.until(lambda: first.state is BlockState.QUEUED, "queued")
    refused: list[int] = []

    def send(block: Block) -> str:
        refused.append(1)
        world.batch.intend(block, f"{PREFIX}a.{len(refused)}.refused")
        raise SubmissionFailed("never")

    second = world.batch.submit("a", send)
    world.until(lambda: len(refused) > 1, "tried again")
    assert second.alive
    assert world.batch.refusal("a") is None
    world.scheduler.set(first.job_name, BlockState.ENDED, JobState.COMPLETED)
    world.state(second, JobState.FAILED)
    assert "never" in str(world.batch.refusal("a"))


def test_a_way_that_is_closed_keeps_the_block_waiting(world: World) -> None:
    """Nothing was sent: it is sent when the connection is back."""
    world.connection.down = True
    block = world.batch.submit("a", world.send)
    world.until(lambda: "warning" in [event for event, _ in world.events], "said")
    assert world.sent == 0
    assert world.batch.statuses([block.handle])[0].state is JobState.PENDING
    world.connection.down = False
    world.until(lambda: block.state is BlockState.QUEUED, "queued")


def test_a_job_that_the_scheduler_forgot_has_failed_with_words(world: World) -> None:
    """A controller that crashed just after the submission loses the job."""
    block = world.batch.submit("a", world.send)
    world.until(lambda: block.state is BlockState.QUEUED, "queued")
    world.scheduler.hidden = True
    world.state(block, JobState.FAILED)
    assert "no longer knows job 1" in block.reason


def test_close_cancels_and_waits_for_the_schedulers_word(world: World) -> None:
    """What it cannot confirm it returns, and the ledger keeps it open."""
    done = world.batch.submit("a", world.send)
    world.until(lambda: done.state is BlockState.QUEUED, "queued")
    assert world.batch.close(10) == []
    assert done.outcome is JobState.CANCELLED
    assert world.ledger.open == {}


def test_close_gives_up_on_a_cluster_that_is_away(world: World) -> None:
    """The run must end; the job stays in the ledger."""
    block = world.batch.submit("a", world.send)
    world.until(lambda: block.state is BlockState.QUEUED, "queued")
    world.scheduler.silent = True
    assert world.batch.close(0.3) == [block]
    assert list(world.ledger.open.values()) == [block.job_name]
