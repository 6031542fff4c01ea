"""What follows from a visit: states, reasons, and when the next visit is due. Pure."""

from __future__ import annotations

import pytest

from towline.clusters import Observation
from towline.clusters.power import (
    TRANSITIONS,
    Desired,
    PowerState,
    PowerTransitionError,
    advance,
)
from towline.clusters.switching import (
    MOST_RETRY_SECONDS,
    UNWATCHED_SECONDS,
    WATCHED_SECONDS,
    Visit,
    judge,
    needs_asking,
    pause,
)
from towline.errors import (
    CapacityMissing,
    ClusterInUse,
    DefinitionError,
    HostKeyChanged,
    HostKeyUnknown,
    HostUnreachable,
    LoginNeeded,
    LoginRefused,
    SiteError,
    TowlineError,
)

ON, OFF = Desired.ON, Desired.OFF


def seen(state: str) -> Visit:
    return Visit(Observation(state=PowerState(state)))


def trouble(kind: type[TowlineError]) -> Visit:
    return Visit(None, kind("cluster x", "why"))


@pytest.mark.parametrize(
    ("desired", "found", "state"),
    [
        (None, "off", "off"),
        (None, "on", "on"),
        (ON, "off", "starting"),
        (ON, "stopping", "starting"),
        (ON, "starting", "starting"),
        (ON, "on", "on"),
        (OFF, "on", "stopping"),
        (OFF, "starting", "stopping"),
        (OFF, "off", "off"),
        (ON, "error", "error"),
    ],
)
def test_a_state_is_what_was_seen_on_the_way_to_what_is_wanted(
    desired: Desired | None, found: str, state: str
) -> None:
    assert judge(desired, seen(found))[0].value == state


@pytest.mark.parametrize(
    ("kind", "state", "asking"),
    [
        (HostUnreachable, "unknown", False),
        (LoginNeeded, "input_needed", True),
        (HostKeyUnknown, "input_needed", True),
        (HostKeyChanged, "error", True),
        (LoginRefused, "error", True),
        (CapacityMissing, "error", False),
        (ClusterInUse, "stopping", False),
        (SiteError, "error", True),
        (DefinitionError, "error", True),
    ],
)
def test_each_error_has_its_state_and_only_those_that_pass_are_tried_again(
    kind: type[TowlineError], state: str, asking: bool
) -> None:
    found, reason = judge(ON, trouble(kind))
    assert (found.value, reason) == (state, "why")
    assert needs_asking(trouble(kind).trouble) is asking


def test_looks_are_rare_unless_somebody_watches() -> None:
    on = seen("on")
    assert pause(PowerState.ON, on, watched=True, failures=0) == WATCHED_SECONDS
    assert pause(PowerState.ON, on, watched=False, failures=0) == UNWATCHED_SECONDS


def test_a_cluster_that_is_away_is_tried_less_and_less_often() -> None:
    away = trouble(HostUnreachable)
    rests = [pause(PowerState.UNKNOWN, away, watched=True, failures=n) for n in range(1, 40)]
    assert rests[:3] == [15, 30, 60]
    assert rests[-1] == MOST_RETRY_SECONDS
    assert rests == sorted(rests)


def test_a_start_goes_on_when_the_type_says_so() -> None:
    booting = Visit(Observation(state=PowerState.STARTING), None, True, 0.5)
    assert pause(PowerState.STARTING, booting, watched=False, failures=0) == 0.5


def test_staying_is_always_allowed_and_nothing_off_can_be_stopping() -> None:
    assert all(advance(state, state) is state for state in PowerState)
    with pytest.raises(PowerTransitionError, match="from off to stopping"):
        advance(PowerState.OFF, PowerState.STOPPING)


def test_every_state_has_its_line_in_the_table() -> None:
    assert set(TRANSITIONS) == set(PowerState)
