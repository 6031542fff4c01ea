"""The states of a run and the ways between them."""

from __future__ import annotations

import pytest

from towline.runs import RunState, TransitionError, advance
from towline.runs.state import TRANSITIONS


def test_a_run_that_goes_well_walks_through_its_states():
    state = RunState.CREATED
    for step in (RunState.STARTING, RunState.RUNNING, RunState.SUCCEEDED):
        state = advance(state, step)

    assert state is RunState.SUCCEEDED


def test_a_run_being_cancelled_cannot_succeed_any_more():
    with pytest.raises(TransitionError, match="cancelling to succeeded"):
        advance(RunState.CANCELLING, RunState.SUCCEEDED)


@pytest.mark.parametrize("state", [state for state in RunState if state.final])
def test_nothing_leads_out_of_a_final_state(state):
    for other in RunState:
        with pytest.raises(TransitionError):
            advance(state, other)


def test_every_state_can_be_lost_until_it_is_final():
    assert all(RunState.LOST in TRANSITIONS[s] for s in RunState if not s.final)


def test_every_state_stands_in_the_table():
    assert set(RunState) == set(TRANSITIONS)
