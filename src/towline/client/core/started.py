"""What a client has started, and which of it may be stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from towline.client.core import clusters, runs
from towline.client.core.caller import Caller
from towline.client.core.calls import Steps
from towline.errors import ClusterInUse, NotThere, RequestRefused, RunNotFound, TowlineError


@dataclass
class Started:
    """The clusters that were switched on and the runs that were launched, oldest first."""

    clusters: list[str] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)
    changed: Callable[[], None] = lambda: None
    """Is called after each change, before the change is made true."""

    def cluster(self, name: str) -> None:
        """Note a cluster that is about to be switched on."""
        if name not in self.clusters:
            self.clusters.append(name)
            self.changed()

    def run(self, number: int) -> None:
        """Note a run that was launched."""
        if number not in self.runs:
            self.runs.append(number)
            self.changed()


@dataclass(frozen=True)
class Stopped:
    """What became of what was started.

    ``left_on`` maps clusters that stay on to the reason: runs of others, or an error.
    """

    clusters: tuple[str, ...] = ()
    runs: tuple[int, ...] = ()
    left_on: dict[str, str] = field(default_factory=dict)
    left_running: dict[int, str] = field(default_factory=dict)


def stop(
    caller: Caller, started: Started, *, with_runs: bool, timeout: float | None
) -> Steps[Stopped]:
    """Stop what was started, and nothing else.

    Args:
        caller: whose.
        started: what is forgotten as it is stopped.
        with_runs: cancel the runs that still go on, too; otherwise they, and the clusters that
            they use, stay.
        timeout: seconds at most for a run to clean up after itself.

    """
    done_runs: list[int] = []
    left_runs: dict[int, str] = {}
    for number in list(started.runs) if with_runs else []:
        try:
            run = yield from runs.get(caller, number)
            if not run.over:
                yield from runs.cancel(caller, number)
                yield from runs.wait(caller, number, timeout)
                done_runs.append(number)
            started.runs.remove(number)
        except (NotThere, RunNotFound):
            started.runs.remove(number)
        except TowlineError as error:
            left_runs[number] = error.cause
    done: list[str] = []
    left: dict[str, str] = {}
    for name in reversed(started.clusters):
        why = yield from _switch_off(caller, name)
        if why is None:
            done.append(name)
            started.clusters.remove(name)
        else:
            left[name] = why
    return Stopped(tuple(done), tuple(done_runs), left, left_runs)


def _switch_off(caller: Caller, name: str) -> Steps[str | None]:
    """Switch a cluster off; return why it stays on, or None.

    The server refuses while runs use it, those included that this client may not see.
    """
    try:
        yield from clusters.power(caller, name, "off")
    except ClusterInUse as error:
        return error.cause
    except RequestRefused as error:
        return None if isinstance(error, NotThere) else error.cause
    except TowlineError as error:
        return error.cause
    return None
