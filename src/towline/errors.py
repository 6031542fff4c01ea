"""Every error that Towline raises on purpose.

Each names the thing, the cause and the next command, and carries the exit code of the CLI::

    TowlineError                       exit code
    ├── DefinitionError                2   the user's files or options: bad key, missing file
    │   ├── InputsWrong                    what a workflow's form was given does not fit
    │   ├── WorkflowNotFound               no workflow, or version of one, has this name
    │   └── WorkflowExists                 the name is taken by another workflow
    ├── ReachError                     3   ours: the way to the cluster
    │   ├── HostUnreachable                no route, refused, timed out, name unknown
    │   ├── HostKeyUnknown                 never seen: show the fingerprint, say how to accept it
    │   ├── HostKeyChanged                 not the key we knew: stop
    │   ├── LoginNeeded                    a person must type a code or password
    │   ├── LoginRefused                   wrong user or key
    │   ├── CommandTimedOut                a remote command passed its time limit
    │   ├── ConnectionDropped              the connection broke while a command ran
    │   ├── CopyFailed                     a file did not arrive whole
    │   └── LinkLost                       the link's state is gone; its workers are replaced
    ├── SiteError                      4   the site: its scheduler, quota, policy
    │   ├── SchedulerMissing               no sbatch where we looked
    │   ├── CapacityMissing                no machines to be had just now; tried again later
    │   ├── SubmitRefused                  partition, walltime, account: the scheduler said no
    │   ├── JobEnded                       walltime, memory, node lost: the scheduler ended it
    │   └── NoSpace                        quota or disk full on the cluster
    ├── EnvironmentFault               5   Python on the cluster
    │   ├── InterpreterMissing             no Python of this minor, and none can be sent
    │   ├── EnvironmentMismatch            Python minor or Parsl version differ
    │   └── EnvironmentBuildFailed         a package cannot be built or sent
    ├── RunError                       6   a run: not found, lost, or something of it remains
    │   ├── RunNotFound
    │   ├── ClusterInUse                   runs use it, so it is not switched off or removed
    │   ├── RunFailed                      a run on a server did not succeed
    │   ├── InterchangeLost                Parsl's own process on the workspace died
    │   └── LeftoversRemain
    ├── TestbedError                   7   the machine cannot carry a testbed, or one failed to boot
    └── ServerError                    8   a Towline server, as a client sees it
        ├── ServerUnreachable              nobody answers there, or it went away and stayed away
        ├── ServerFailed                   it answered that it cannot: its own fault
        ├── ServerRunning                  another one works on the same data
        ├── ServerNotStarted               it ended before it was ready
        ├── NotInTime                124   what was waited for took longer than it was given
        ├── RequestRefused                 it answered that this cannot be done, and why
        │   └── NotThere                       there is no such thing, or it is hidden from you
        └── NotAuthorised              9   the API key is missing, wrong, expired or revoked
            └── Forbidden                      the key is right, and may not do this

A user's script that fails is not a TowlineError: the run ends with exit code 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class TowlineError(Exception):
    """Base of all errors that Towline raises on purpose.

    Args:
        thing: what the error is about, as the user calls it ("cluster onprem", "executors.json:7").
        cause: one sentence that says what is wrong.
        next_step: what to do or type next; empty when nothing can be done.

    """

    exit_code = 1

    def __init__(self, thing: str, cause: str, next_step: str = "") -> None:
        super().__init__(thing, cause, next_step)
        self.thing = thing
        self.cause = cause
        self.next_step = next_step

    def __str__(self) -> str:
        text = f"{self.thing}: {self.cause}"
        return f"{text}\n  next: {self.next_step}" if self.next_step else text

    def as_dict(self) -> dict[str, Any]:
        """Return the error as it is written to ``events.jsonl`` and printed by ``--json``."""
        return {
            "error": type(self).__name__,
            "thing": self.thing,
            "cause": self.cause,
            "next": self.next_step,
            "exit_code": self.exit_code,
        }


class DefinitionError(TowlineError):
    """The user's own files or options are wrong; nothing was started.

    ``problems`` has what is wrong by key, where several keys can be.
    """

    exit_code = 2
    problems: tuple[InputProblem, ...] = ()


@dataclass(frozen=True)
class InputProblem:
    """One thing wrong with what a form was given.

    ``path`` is where: ``("solver", "steps")``, or ``("cases", 2, "size")`` in a list; ``message``
    fits behind it, as in ``must be at least 1, not 0``. No message quotes a secret.
    """

    path: tuple[str | int, ...]
    message: str

    def __str__(self) -> str:
        where = ".".join(str(part) for part in self.path)
        return f"{where} {self.message}" if where else self.message


class InputsWrong(DefinitionError):
    """What a workflow's form was given does not fit; ``problems`` has all that is wrong with it."""

    def __init__(self, thing: str, problems: Sequence[InputProblem], next_step: str = "") -> None:
        super().__init__(thing, "; ".join(str(problem) for problem in problems), next_step)
        self.problems = tuple(problems)

    def as_dict(self) -> dict[str, Any]:
        """Return the error with its problems, each by its path."""
        problems = [{"path": list(p.path), "message": p.message} for p in self.problems]
        return {**super().as_dict(), "problems": problems}


class WorkflowNotFound(DefinitionError):
    """No workflow, or version of one, has this name."""


class WorkflowExists(DefinitionError):
    """The name is taken by another workflow."""


class ReachError(TowlineError):
    """The way to the cluster is closed; says nothing about the cluster's jobs."""

    exit_code = 3


class HostUnreachable(ReachError):
    """No route, connection refused, timed out, or the name is unknown."""


class HostKeyUnknown(ReachError):
    """The host's key was never accepted by this user."""


class HostKeyChanged(ReachError):
    """The host shows another key than the one that was accepted."""


class LoginNeeded(ReachError):
    """The host asks something that only a person can answer."""


class LoginRefused(ReachError):
    """The host knows neither the user nor the key."""


class CommandTimedOut(ReachError):
    """A remote command passed its time limit; it may or may not have had an effect."""


class ConnectionDropped(ReachError):
    """The connection broke while a command ran; it may or may not have had an effect."""


class CopyFailed(ReachError):
    """A file or folder did not arrive whole; nothing was switched in."""


class LinkLost(ReachError):
    """The link's state is gone on one side; what was in flight cannot be replayed."""


class SiteError(TowlineError):
    """The site said no: its scheduler, its quota, its policy."""

    exit_code = 4


class SchedulerMissing(SiteError):
    """The scheduler's commands are not on the controller's PATH."""


class CapacityMissing(SiteError):
    """The provider has no machines of this kind just now; worth another try later.

    Args:
        thing: as of every error.
        cause: as of every error.
        next_step: as of every error.
        retry_seconds: when to try again.

    """

    def __init__(
        self, thing: str, cause: str, next_step: str = "", *, retry_seconds: float = 600.0
    ) -> None:
        super().__init__(thing, cause, next_step)
        self.retry_seconds = retry_seconds


class SubmitRefused(SiteError):
    """The scheduler refused the job; its own words are the cause."""


class JobEnded(SiteError):
    """The scheduler ended a batch job before its program did: walltime, memory, a lost node."""


class NoSpace(SiteError):
    """Disk or quota on the cluster is full."""


class EnvironmentFault(TowlineError):
    """Python on the cluster is not what the script needs; nothing was submitted."""

    exit_code = 5


class InterpreterMissing(EnvironmentFault):
    """The cluster has no Python of the wanted minor version and none can be sent."""


class EnvironmentMismatch(EnvironmentFault):
    """Python minor, Parsl version or a needed package differ between workspace and cluster."""


class EnvironmentBuildFailed(EnvironmentFault):
    """An environment could not be built or sent; the cluster keeps what it had."""


class RunError(TowlineError):
    """A run cannot be found, was lost, or could not be cleaned up."""

    exit_code = 6


class ClusterInUse(RunError):
    """Runs use the cluster: switching it off or removing it would break them."""


class RunNotFound(RunError):
    """There is no run with this number."""


class RunFailed(RunError):
    """A run on a server did not succeed; ``exit_code`` is the run's own."""

    def __init__(self, thing: str, cause: str, next_step: str = "", exit_code: int = 1) -> None:
        super().__init__(thing, cause, next_step)
        self.exit_code = exit_code


class InterchangeLost(RunError):
    """Parsl's interchange of an executor died; its tasks have failed."""


class TasksLost(InterchangeLost):
    """An interchange died and was replaced; the tasks that it held are worth another try."""


class LeftoversRemain(RunError):
    """Something that a run created is still there."""


class TestbedError(TowlineError):
    """The machine cannot carry a testbed, or one failed to boot."""

    __test__ = False  # not a pytest class
    exit_code = 7


class ServerError(TowlineError):
    """Something between a client and a Towline server; says nothing about its runs."""

    exit_code = 8


class ServerUnreachable(ServerError):
    """Nobody answers at the server's address, or it went away and stayed away."""


class ServerFailed(ServerError):
    """The server answered that it cannot, by a fault of its own."""


class ServerRunning(ServerError):
    """Another server works on the same data; two would undo each other's work."""


class ServerNotStarted(ServerError):
    """A server ended, or was silent for too long, before it was ready."""


class NotInTime(ServerError):
    """What was waited for took longer than it was given; it goes on by itself."""

    exit_code = 124


class RequestRefused(ServerError):
    """The server answered that this cannot be done, and why."""


class NotThere(RequestRefused):
    """The server has no such thing, or hides it from this key."""


class NotAuthorised(ServerError):
    """The API key is missing, wrong, expired or revoked; the server itself is well."""

    exit_code = 9


class Forbidden(NotAuthorised):
    """The API key is right, and may not do this."""
