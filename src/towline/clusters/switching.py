"""One visit to a cluster, what follows from it, and when the next one is due.

The server's reconciler and the command line both stand on this; :func:`judge` and :func:`pause` are
pure.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from towline.clusters.observation import Observation
from towline.clusters.power import Desired, PowerState
from towline.clusters.types import Power, UnknownType
from towline.errors import (
    CapacityMissing,
    ClusterInUse,
    DefinitionError,
    HostKeyChanged,
    HostKeyUnknown,
    LoginNeeded,
    LoginRefused,
    ReachError,
    SiteError,
    TowlineError,
)

WATCHED_SECONDS = 30.0
"""Between two looks at a cluster that somebody watches, or that runs use."""
UNWATCHED_SECONDS = 300.0
MOVING_SECONDS = 2.0
"""Between two looks at a cluster that starts or stops by itself, without our steps."""
LEAST_SECONDS = 0.1
FIRST_RETRY_SECONDS, MOST_RETRY_SECONDS = 15.0, 300.0

_FOR_A_PERSON = (LoginNeeded, HostKeyUnknown, HostKeyChanged, LoginRefused)


@dataclass(frozen=True)
class Visit:
    """What one visit brought.

    Args:
        observation: None when there was nothing to be seen.
        trouble: what went wrong, in the look or in the step.
        stepped: whether the type's step was called.
        again: the seconds that the step returned.

    """

    observation: Observation | None
    trouble: TowlineError | None = None
    stepped: bool = False
    again: float | None = None


def visit(power: Power, desired: Desired | None, *, may_step: bool = True) -> Visit:
    """Look at a cluster and, when it is not as it is wanted, bring it a step nearer.

    Never raises: what a type raises, whatever it is, is part of the answer.
    """
    power = replace(power, wanted=desired)
    seen: Observation | None = None
    again: float | None = None
    stepped = False
    try:
        kind = power.definition.kind
        seen = kind.observe(power)
        if may_step and desired is not None and seen.state.value != desired.value:
            stepped = True
            again = kind.step(power, desired)
            seen = kind.observe(power)
    except TowlineError as error:
        return Visit(seen, error, stepped, again)
    except UnknownType as error:
        wrong = DefinitionError(power.thing, f"type {error}", "install what provides the type")
        return Visit(seen, wrong, stepped, again)
    except Exception as error:  # a plug-in's own mistake must not end what looks after all others
        words = f"its type {power.definition.type} failed: {type(error).__name__}: {error}"
        return Visit(seen, SiteError(power.thing, words, "report it to the type's author"), stepped)
    return Visit(seen, None, stepped, again)


def judge(desired: Desired | None, seen: Visit) -> tuple[PowerState, str]:
    """Return where a cluster stands after a visit, and why."""
    found = seen.observation.state if seen.observation is not None else None
    trouble = seen.trouble
    if trouble is None:
        assert seen.observation is not None  # noqa: S101 - one of the two is always there
        if desired is Desired.ON and found in (PowerState.OFF, PowerState.STOPPING):
            return PowerState.STARTING, seen.observation.reason
        if desired is Desired.OFF and found in (PowerState.ON, PowerState.STARTING):
            return PowerState.STOPPING, seen.observation.reason
        return seen.observation.state, seen.observation.reason
    if isinstance(trouble, ClusterInUse):
        return PowerState.STOPPING, trouble.cause
    if isinstance(trouble, (LoginNeeded, HostKeyUnknown)):
        return PowerState.INPUT_NEEDED, trouble.cause
    if isinstance(trouble, ReachError) and not isinstance(trouble, _FOR_A_PERSON):
        return PowerState.UNKNOWN, trouble.cause
    return PowerState.ERROR, trouble.cause


def needs_asking(trouble: TowlineError | None) -> bool:
    """Say whether stepping again makes no sense before a person asks for it."""
    if isinstance(trouble, (CapacityMissing, ClusterInUse)) or trouble is None:
        return False
    return isinstance(trouble, _FOR_A_PERSON) or not isinstance(trouble, ReachError)


def pause(state: PowerState, seen: Visit, *, watched: bool, failures: int) -> float:
    """Return the seconds until the next visit.

    Args:
        state: what :func:`judge` made of the visit.
        seen: the visit.
        watched: somebody looks at the cluster, or runs use it.
        failures: visits in a row, this one included, that could not see it.

    """
    usual = WATCHED_SECONDS if watched else UNWATCHED_SECONDS
    if isinstance(seen.trouble, CapacityMissing):
        return min(seen.trouble.retry_seconds, usual)
    if state is PowerState.UNKNOWN:
        return float(min(FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 8), MOST_RETRY_SECONDS))
    if state in (PowerState.STARTING, PowerState.STOPPING) and seen.trouble is None:
        return max(LEAST_SECONDS, MOVING_SECONDS if seen.again is None else seen.again)
    return usual


def switch(
    power: Power,
    desired: Desired,
    *,
    wait: bool,
    seconds: float,
    tell: Callable[[PowerState, str], object],
) -> Visit:
    """Switch a cluster from this process, and wait until it is as wanted.

    May be stopped and called again at any time: every step finds what is there.

    Args:
        power: the cluster; what stands in its way is asked through it.
        desired: what is wanted.
        wait: False: return after the first step.
        seconds: the longest wait.
        tell: called with each new state and its reason.

    Returns:
        The last visit.

    Raises:
        TowlineError: it cannot be switched; CapacityMissing at once, too.
        SiteError: it is not as wanted after so many seconds.

    """
    deadline = time.monotonic() + seconds
    failures = 0
    told: tuple[PowerState, str] | None = None
    while True:
        seen = visit(power, desired)
        state, reason = judge(desired, seen)
        if (state, reason) != told:
            told = (state, reason)
            tell(state, reason)
        if seen.trouble is None and state.value == desired.value:
            return seen
        failures = failures + 1 if state is PowerState.UNKNOWN else 0
        if seen.trouble is not None and (failures == 0 or not wait):
            raise seen.trouble
        if state is PowerState.ERROR:
            raise SiteError(power.thing, reason or "the cluster is in error")
        if not wait:
            return seen
        rest = pause(state, seen, watched=True, failures=max(failures, 1))
        if time.monotonic() + rest > deadline:
            if seen.trouble is not None:
                raise seen.trouble
            raise SiteError(
                power.thing,
                f"is still {state.value} after {seconds:.0f} s" + (f": {reason}" if reason else ""),
                f"towline cluster {desired.value} {power.definition.name} --wait goes on waiting",
            )
        time.sleep(rest)
