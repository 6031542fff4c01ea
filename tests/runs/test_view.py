"""Events folded into one picture."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from towline.runs import Event, RunState
from towline.runs.view import _STEPS, fold


def events(*pairs, start=1000.0):
    return [Event(start + number, name, facts) for number, (name, facts) in enumerate(pairs)]


def test_a_run_goes_from_created_to_its_end():
    view = fold(
        events(
            ("created", {"number": 12, "tag": "r12-00000000", "script": "/a.py"}),
            ("starting", {"pid": 1}),
            ("running", {"pid": 2}),
            ("progress", {"done": 3, "failed": 1, "total": 4, "executors": {}}),
            ("ended", {"state": "succeeded", "exit_code": 0, "seconds": 3.5, "leftovers": []}),
        )
    )

    assert (view.number, view.tag, view.script) == (12, "r12-00000000", "/a.py")
    assert view.state is RunState.SUCCEEDED
    assert (view.done, view.failed, view.total) == (3, 1, 4)
    assert (view.seconds, view.exit_code, view.leftovers) == (3.5, 0, [])


def test_a_picture_can_be_carried_on():
    first, *rest = events(("created", {"number": 1}), ("starting", {}), ("running", {}))

    assert fold(rest, fold([first])) == fold([first, *rest])


def test_a_state_that_the_table_forbids_is_not_entered():
    view = fold(
        events(
            ("starting", {}),
            ("running", {}),
            ("ended", {"state": "failed"}),
            ("cancelling", {}),
            ("ended", {"state": "succeeded"}),
        )
    )

    assert view.state is RunState.FAILED


def test_each_step_on_a_cluster_has_its_time():
    view = fold(
        events(
            ("cluster_connecting", {"cluster": "onprem"}),
            ("cluster_connected", {"cluster": "onprem", "seconds": 0.2}),
            ("environment", {"cluster": "onprem", "state": "building"}),
            ("environment", {"cluster": "onprem", "state": "ready", "cached": True}),
        )
    )

    phases = view.clusters["onprem"].phases
    assert [(p.name, p.seconds, p.detail) for p in phases] == [
        ("connecting", 0.2, ""),
        ("environment", 1.0, "cached"),
    ]
    assert view.clusters["onprem"].doing is None


def test_steps_may_be_under_way_at_once_and_the_first_is_what_is_waited_for():
    view = fold(
        events(
            ("environment", {"cluster": "c", "state": "pushing", "done": 12e6, "total": 30e6}),
            ("link", {"cluster": "c", "state": "starting"}),
            ("link", {"cluster": "c", "state": "up", "seconds": 0.3}),
        )
    )

    doing = view.clusters["c"].doing
    assert doing is not None
    assert (doing.name, doing.detail) == ("environment", "pushing 12/30 MB")


def test_the_pre_flight_began_when_the_environment_was_ready():
    view = fold(
        events(
            ("environment", {"cluster": "c", "state": "ready", "pushed": False, "seconds": 0.4}),
            ("cluster_connected", {"cluster": "c"}),
            ("preflight", {"cluster": "c", "remembered": True}),
        )
    )

    assert [(p.name, p.seconds, p.detail) for p in view.clusters["c"].phases] == [
        ("environment", 0.4, "cached"),
        ("pre-flight", 2.0, "remembered"),
    ]


def test_no_step_goes_on_when_the_script_has_ended():
    view = fold(
        events(
            ("cluster_connecting", {"cluster": "c"}),
            ("script_ended", {"exit_code": 1}),
            ("cleanup", {"cluster": "c", "step": "removing"}),
        )
    )

    assert [phase.seconds for phase in view.clusters["c"].phases] == [1.0]
    assert view.cleaning == "c: removing"


def test_an_outage_of_the_link_is_a_step_of_its_own():
    view = fold(
        events(
            ("link", {"cluster": "c", "state": "starting"}),
            ("link", {"cluster": "c", "state": "up"}),
            ("link", {"cluster": "c", "state": "down"}),
            ("link", {"cluster": "c", "state": "resumed", "seconds": 2.0}),
        )
    )

    assert [(p.name, p.seconds) for p in view.clusters["c"].phases] == [
        ("link", 1.0),
        ("link down", 2.0),
    ]


def test_a_block_keeps_the_times_at_which_it_was_queued_started_and_ended():
    facts = {"cluster": "c", "executor": "ex", "block": 0}
    view = fold(
        events(
            ("block", {**facts, "state": "submitting"}),
            ("block", {**facts, "state": "queued", "job_id": 17, "reason": "Priority"}),
            ("block", {**facts, "state": "running", "job_id": 17, "nodes": "n[1-2]"}),
            ("block", {**facts, "state": "ended", "outcome": "timeout", "reason": "TIMEOUT"}),
        )
    )

    block = view.executors["ex"].blocks["0"]
    assert (block.submitted, block.started, block.ended) == (1001, 1002, 1003)
    assert (block.job_id, block.nodes, block.outcome) == ("17", "n[1-2]", "timeout")
    assert block.reason == "TIMEOUT"
    assert view.executors["ex"].cluster == "c"


def test_a_reason_for_waiting_does_not_stick_to_a_running_block():
    facts = {"cluster": "c", "executor": "ex", "block": 0}
    view = fold(
        events(
            ("block", {**facts, "state": "queued", "reason": "Priority"}),
            ("block", {**facts, "state": "running"}),
        )
    )

    assert view.executors["ex"].blocks["0"].reason == ""


def test_a_clock_that_goes_backwards_makes_no_negative_times():
    view = fold(
        [
            Event(1000.0, "cluster_connecting", {"cluster": "c"}),
            Event(10.0, "cluster_connected", {"cluster": "c"}),
        ]
    )

    assert view.clusters["c"].phases[0].seconds == 0.0


def test_events_of_a_later_version_change_nothing():
    assert fold(events(("hologram", {"cluster": "c"}))) == fold([])


scalars = st.sampled_from([None, True, -1, 0, 1e400, "", "ended", "running", "ready"])
anything = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.just("ex"), scalars)
KEYS = "cluster executor block state seconds done total failed executors leftovers text"
keys = st.sampled_from(KEYS.split(" "))


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(_STEPS)), st.dictionaries(keys, anything)),
        max_size=8,
    )
)
def test_no_event_whatever_it_holds_breaks_the_picture(pairs):
    fold(events(*pairs))
