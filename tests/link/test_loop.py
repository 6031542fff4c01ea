"""The event loop: sources that pause together, fairness, timers, no idle wake-ups."""

from __future__ import annotations

import os
import socket
import time

import pytest

from towline.link.wire.loop import READ, WRITE, Loop


@pytest.fixture
def loop():
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def pairs():
    made = [socket.socketpair() for _ in range(4)]
    yield made
    for pair in made:
        for end in pair:
            end.close()


def test_paused_sources_are_not_read_and_none_is_forgotten(loop, pairs):
    heard: list[int] = []
    for number, (near, far) in enumerate(pairs):
        far.send(b"x")
        loop.watch_source(near.fileno(), lambda n=number: heard.append(n))
    loop.pause_sources()
    loop.run_once(0)
    assert heard == []
    loop.resume_sources()
    loop.run_once(0)
    assert sorted(heard) == [0, 1, 2, 3]


def test_a_pause_in_the_middle_of_a_round_lets_the_others_go_first_next_time(loop, pairs):
    heard: list[int] = []

    def read(number: int) -> None:
        heard.append(number)
        loop.pause_sources()

    for number, (near, far) in enumerate(pairs):
        far.send(b"x")
        loop.watch_source(near.fileno(), lambda n=number: read(n))
    for _ in pairs:
        loop.resume_sources()
        loop.run_once(0)
    assert sorted(heard) == [0, 1, 2, 3]


def test_a_source_unwatched_by_another_is_not_called(loop, pairs):
    heard: list[int] = []
    for number, (near, far) in enumerate(pairs):
        far.send(b"x")

        def read(number: int = number) -> None:
            heard.append(number)
            for other, _ in pairs:
                loop.unwatch_source(other.fileno())

        loop.watch_source(near.fileno(), read)
    loop.run_once(0)
    assert len(heard) == 1


def test_a_descriptor_unwatched_in_the_same_round_is_not_called(loop, pairs):
    heard: list[int] = []
    for number, (near, far) in enumerate(pairs):
        far.send(b"x")

        def ready(_events: int, number: int = number) -> None:
            heard.append(number)
            for other, _ in pairs:
                loop.unwatch(other.fileno())

        loop.watch(near.fileno(), READ, ready)
    loop.run_once(0)
    assert len(heard) == 1


def test_a_descriptor_can_be_watched_for_writing_while_it_is_a_source(loop, pairs):
    near, far = pairs[0]
    heard: list[str] = []
    loop.watch_source(near.fileno(), lambda: heard.append("read"))
    loop.watch(near.fileno(), WRITE, lambda _: heard.append("write"))
    far.send(b"x")
    loop.run_once(0)
    assert sorted(heard) == ["read", "write"]
    loop.pause_sources()
    loop.run_once(0)
    assert heard.count("write") == 2, "what is delivered does not wait for what is sent"


def test_timers_run_in_order_and_cancelled_ones_do_not(loop):
    heard: list[str] = []
    loop.call_later(0.02, lambda: heard.append("second"))
    loop.call_later(0.01, lambda: heard.append("first"))
    loop.call_later(0.015, lambda: heard.append("never")).cancel()
    loop.call_later(0.03, loop.stop)
    loop.run()
    assert heard == ["first", "second"]


def test_a_cancelled_timer_does_not_wake_the_loop(loop):
    loop.call_later(0.01, lambda: None).cancel()
    began = time.monotonic()
    loop.run_once(0.2)
    assert time.monotonic() - began >= 0.19


def test_after_each_round_what_it_produced_is_flushed(loop, pairs):
    order: list[str] = []
    near, far = pairs[0]
    far.send(b"x")
    loop.watch(near.fileno(), READ, lambda _: order.append("event"))
    loop.call_later(0, lambda: order.append("timer"))
    loop.after_round = lambda: order.append("flush")
    loop.run_once(1)
    assert order == ["event", "timer", "flush"]


def test_unwatching_what_is_not_watched_is_fine(loop):
    reader, writer = os.pipe()
    loop.unwatch(reader)
    loop.unwatch_source(reader)
    os.close(reader)
    os.close(writer)
