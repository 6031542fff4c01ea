"""The interchange that naps while there is plenty to do."""

from __future__ import annotations

from typing import Any

import pytest
from parsl.executors.high_throughput.interchange import Interchange

from towline.engine.interchange import serve
from towline.engine.interchange.serve import NAP_SECONDS, PLENTY, NappingInterchange

WORKERS = 2
BUSY = {"tasks": list(range(WORKERS + PLENTY)), "worker_count": WORKERS}
ALMOST_BUSY = {"tasks": list(range(WORKERS + PLENTY - 1)), "worker_count": WORKERS}


class Clock:
    """A clock that only a nap or a wait moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.naps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(serve, "time", clock)
    return clock


@pytest.fixture
def interchange(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An interchange without sockets, whose own steps do nothing."""
    for step in ("__init__", "process_command", "process_tasks_to_send"):
        monkeypatch.setattr(Interchange, step, lambda self, *_: None)
    return NappingInterchange()


def turn(interchange: Any, clock: Clock, waited: float) -> None:
    """Go round Parsl's loop once: catch up, wait for a message, wake."""
    interchange.process_tasks_to_send(set(), None)
    clock.now += waited
    interchange.process_command(None)


def test_naps_when_it_had_to_wait_and_every_manager_has_plenty(
    interchange: Any, clock: Clock
) -> None:
    interchange._ready_managers = {b"a": BUSY, b"b": BUSY}
    turn(interchange, clock, waited=0.1)
    assert clock.naps == [NAP_SECONDS]


@pytest.mark.parametrize(
    "managers",
    [{}, {b"a": ALMOST_BUSY}, {b"a": BUSY, b"b": ALMOST_BUSY}],
    ids=["none", "one short of plenty", "one of two"],
)
def test_never_naps_while_a_manager_could_run_dry(
    interchange: Any, clock: Clock, managers: dict[bytes, Any]
) -> None:
    interchange._ready_managers = managers
    turn(interchange, clock, waited=0.1)
    assert clock.naps == []


def test_does_not_nap_between_messages_that_were_there_already(
    interchange: Any, clock: Clock
) -> None:
    interchange._ready_managers = {b"a": BUSY}
    turn(interchange, clock, waited=0.0)
    assert clock.naps == []


def test_a_parsl_that_keeps_its_managers_elsewhere_is_served_without_naps(
    interchange: Any, clock: Clock
) -> None:
    turn(interchange, clock, waited=0.1)
    assert clock.naps == []


def test_parsl_calls_the_steps_that_it_hangs_on() -> None:
    """Without them it would never nap, and nobody would notice."""
    import inspect

    loop = inspect.getsource(Interchange.start)
    assert "self.process_command(" in loop
    assert "self.process_tasks_to_send(" in loop
    assert loop.index("poller.poll") < loop.index("self.process_command(")
