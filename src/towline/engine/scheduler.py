"""What the batch thread needs from a scheduler: scripts to send, pure functions to read answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from parsl.jobs.states import JobState

from towline.engine.blocks import BlockState


@dataclass(frozen=True)
class Observation:
    """What a scheduler said about one job.

    Attributes:
        state: None when the scheduler's word is not one we know: the job is there, no more.
        outcome: Parsl's terminal state when ``state`` is ENDED, else None.
        patience: seconds for which the scheduler, which no longer has the job, may yet come to tell
            how it ended; ``state`` is None. After that ``outcome`` is assumed, if there is one.
        reason: the scheduler's own word ("Resources", "TIMEOUT", "NODE_FAIL").
        stuck: it has ENDED for us, as it will never run by itself, yet the scheduler keeps it
            until somebody cancels it: held by an error, or over its time.

    """

    job_id: str
    job_name: str
    state: BlockState | None
    outcome: JobState | None = None
    reason: str = ""
    nodes: str = ""
    stuck: bool = False
    patience: float = 0.0

    @property
    def is_there(self) -> bool:
        """Whether the scheduler still has the job in its queue."""
        return self.state is not BlockState.ENDED or self.stuck


class NotObserved(Exception):
    """The scheduler gave no usable answer; what was known stays known."""


@dataclass(frozen=True)
class Refusal:
    """Why a submission failed.

    Attributes:
        certain: no job was created; when False one may exist.
        transient: trying again later may succeed.

    """

    words: str
    certain: bool
    transient: bool


class Scheduler(Protocol):
    """One scheduler's commands; every ``*_script`` is POSIX sh, every ``read_*`` is pure.

    Attributes:
        name: as cluster types and ``provider`` call it.
        submit_command: its path in the facts tells where a site keeps all commands.
        cancel_command: takes job ids as arguments.
        settle_seconds: so long after a job has left the queue its end may not be told yet.

    """

    name: str
    submit_command: str
    cancel_command: str
    settle_seconds: float

    def list_script(self, prefix: str) -> str:
        """Return a script that lists this user's jobs whose name begins with ``prefix``."""

    def read_list(self, output: str) -> list[Observation]:
        """Read the listing.

        Raises:
            NotObserved: the scheduler did not answer; an empty list means "no such jobs".

        """

    def detail_script(self, job_ids: Sequence[str]) -> str:
        """Return a script that asks about jobs which the listing no longer has."""

    def read_detail(self, output: str) -> list[Observation]:
        """Read the answer; a job that is not in it is not known to the scheduler any more.

        Raises:
            NotObserved: the scheduler did not answer.

        """

    def living_script(self, prefix: str) -> str:
        """Return a script that prints the ids of jobs that have not ended, one a line.

        It fails when the scheduler does not answer. The agent runs it on the controller, with
        nobody to read anything else, when the workspace has been gone too long.
        """

    def cancel_script(self, job_ids: Sequence[str]) -> str:
        """Return a script that cancels jobs; cancelling an ended job is no error."""

    def read_refusal(self, words: str) -> Refusal:
        """Read the words of a failed submission."""
