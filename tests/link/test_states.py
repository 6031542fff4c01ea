"""The states of a link and the waits between tries."""

from __future__ import annotations

import pytest

from towline.link.backoff import FIRST_SECONDS, LONGEST_SECONDS, Backoff
from towline.link.states import TRANSITIONS, IllegalTransition, LinkState, follow


def test_every_state_has_its_row_and_every_row_is_reachable():
    assert set(TRANSITIONS) == set(LinkState)
    assert set().union(*TRANSITIONS.values()) == set(LinkState) - {LinkState.STARTING}


@pytest.mark.parametrize("state", LinkState)
def test_only_what_is_in_the_table_is_followed(state):
    for following in LinkState:
        if following in TRANSITIONS[state]:
            assert follow(state, following) is following
        else:
            with pytest.raises(IllegalTransition, match=following.value):
                follow(state, following)


def test_the_first_try_comes_at_once_then_waits_double_up_to_a_limit():
    backoff = Backoff()
    waits = [backoff.next_seconds() for _ in range(40)]
    assert waits[0] == 0
    assert FIRST_SECONDS / 2 <= waits[1] <= FIRST_SECONDS
    assert all(LONGEST_SECONDS / 2 <= wait <= LONGEST_SECONDS for wait in waits[10:])
    assert len(set(waits[10:])) > 1, "links that were cut together do not return together"
    backoff.reset()
    assert backoff.next_seconds() == 0
