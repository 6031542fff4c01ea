"""Channels: windows, half-close, reset, and what a wrong frame does."""

from __future__ import annotations

import pytest

from towline.link.wire.channels import (
    GROWTH_POOL,
    INITIAL_WINDOW,
    MAX_LIVE,
    MAX_WINDOW,
    Channels,
    ChannelState,
)
from towline.link.wire.frames import (
    DATA,
    EOF,
    MAX_DATA_BYTES,
    OPEN,
    RESET,
    UINT32,
    WINDOW,
    ProtocolError,
)

from .memory_sink import MemorySink


class Pair:
    """Two ends joined without a session: frames wait in queues until ``settle``."""

    def __init__(self, room: int = 1 << 60) -> None:
        self.queues: tuple[list, list] = ([], [])
        self.sinks = (MemorySink(), MemorySink(room))
        self.ends = tuple(
            Channels(lambda *frame, queue=queue: queue.append(frame), sink, opens=opens)
            for queue, sink, opens in zip(self.queues, self.sinks, (True, False), strict=True)
        )
        for sink, end in zip(self.sinks, self.ends, strict=True):
            sink.channels = end
        self.agent, self.client = self.ends

    def open(self):
        channel = self.agent.open(1, "10.0.0.1:5")
        self.sinks[0].adopt(channel)
        self.settle()
        return channel, self.sinks[1].by_number[channel.number]

    def settle(self) -> None:
        while any(self.queues):
            for queue, other in ((self.queues[0], self.client), (self.queues[1], self.agent)):
                while queue:
                    kind, number, payload = queue.pop(0)
                    other.receive(kind, number, memoryview(payload))

    def send_all(self, channel, data: bytes) -> int:
        """Send as much as credit allows, asking for more; return how much went."""
        sent = 0
        while sent < len(data):
            if not channel.credit:
                self.agent.starve(channel)
                self.settle()
                if not channel.credit:
                    break
            size = min(channel.credit, MAX_DATA_BYTES, len(data) - sent)
            self.agent.data(channel, data[sent : sent + size])
            sent += size
        self.settle()
        return sent


def test_bytes_arrive_and_the_window_grows_for_a_receiver_that_keeps_up():
    pair = Pair()
    here, there = pair.open()
    data = bytes(range(256)) * 256 * 1024
    assert pair.send_all(here, data) == len(data)
    assert pair.sinks[1].arrived[1] == data
    assert INITIAL_WINDOW < there.window <= MAX_WINDOW


def test_a_stalled_receiver_holds_one_window_and_stops_only_its_own_channel():
    pair = Pair(room=0)
    stalled, stalled_there = pair.open()
    assert pair.send_all(stalled, b"x" * (10 * INITIAL_WINDOW)) == INITIAL_WINDOW
    assert stalled_there.pending_bytes == INITIAL_WINDOW
    pair.sinks[1].room = 1 << 60  # the second channel's socket takes everything
    other, _ = pair.open()
    assert pair.send_all(other, b"y" * (4 * INITIAL_WINDOW)) == 4 * INITIAL_WINDOW
    assert pair.sinks[1].arrived[2] == b"y" * (4 * INITIAL_WINDOW)
    assert stalled_there.window == INITIAL_WINDOW


def test_a_stalled_receiver_that_moves_again_gets_the_rest():
    pair = Pair(room=0)
    here, there = pair.open()
    data = b"0123456789" * INITIAL_WINDOW
    sent = pair.send_all(here, data)
    while sent < len(data) or there.pending_bytes:
        pair.sinks[1].take(there, 50_000)
        pair.settle()
        sent += pair.send_all(here, data[sent:])
    assert pair.sinks[1].arrived[1] == data
    assert pair.sinks[0].credited_channels, "the starved source was told to go on"


def test_all_windows_together_grow_by_the_pool_at_most():
    pair = Pair()
    channels = [pair.open() for _ in range(40)]
    for here, _ in channels:
        pair.send_all(here, b"x" * (3 * MAX_WINDOW))
    growth = sum(there.window - INITIAL_WINDOW for _, there in channels)
    assert growth == GROWTH_POOL
    for here, _ in channels:
        pair.agent.reset(here)
    pair.settle()
    here, there = pair.open()
    pair.send_all(here, b"x" * (3 * MAX_WINDOW))
    assert there.window == MAX_WINDOW, "closed channels gave their share back"


def test_each_direction_ends_by_itself():
    pair = Pair()
    here, there = pair.open()
    pair.agent.end(here)
    pair.settle()
    assert (here.state, there.state) == (ChannelState.EOF_SENT, ChannelState.EOF_RECEIVED)
    assert pair.sinks[1].ended_channels == [1]
    pair.client.data(there, b"the answer")
    pair.client.end(there)
    pair.settle()
    assert pair.sinks[0].arrived[1] == b"the answer"
    assert pair.sinks[0].closed_channels == pair.sinks[1].closed_channels == [1]
    assert not pair.agent.live
    assert not pair.client.live


def test_an_end_is_passed_on_only_after_the_last_pending_byte():
    pair = Pair(room=3)
    here, there = pair.open()
    pair.agent.data(here, b"abcdef")
    pair.agent.end(here)
    pair.settle()
    assert pair.sinks[1].ended_channels == []
    pair.sinks[1].take(there, 3)
    assert pair.sinks[1].arrived[1] == b"abcdef"
    assert pair.sinks[1].ended_channels == [1]


def test_a_reset_delivers_what_came_before_it_then_closes():
    pair = Pair(room=3)
    here, there = pair.open()
    pair.agent.data(here, b"abcdef")
    pair.agent.reset(here)
    pair.settle()
    assert not there.may_send
    assert pair.sinks[1].closed_channels == []
    pair.sinks[1].take(there, 3)
    assert pair.sinks[1].arrived[1] == b"abcdef"
    assert pair.sinks[1].closed_channels == [1]


def test_a_reset_after_both_ends_still_lets_the_last_bytes_through():
    """Found by test_exactly_once: it was taken for a protocol error and cost the session."""
    pair = Pair(room=3)
    here, there = pair.open()
    pair.agent.data(here, b"abcdef")
    pair.agent.end(here)
    pair.client.end(there)
    pair.agent.reset(here)
    pair.settle()
    pair.sinks[1].take(there, 3)
    assert pair.sinks[1].arrived[1] == b"abcdef"
    assert pair.sinks[1].closed_channels == [1]


def test_frames_that_crossed_a_reset_are_ignored():
    pair = Pair()
    here, there = pair.open()
    pair.agent.reset(here)
    pair.client.data(there, b"on the way")
    pair.client.end(there)
    pair.settle()
    assert not pair.agent.live
    assert not pair.client.live


def test_an_unused_channel_owes_nothing_when_it_closes():
    pair = Pair()
    here, there = pair.open()
    pair.agent.end(here)
    pair.client.end(there)
    pair.settle()
    assert pair.queues == ([], [])


@pytest.mark.parametrize(
    ("kind", "number", "payload", "complaint"),
    [
        (OPEN, 3, UINT32.pack(1), "out of turn"),
        (DATA, 9, b"x", "never opened"),
        (DATA, 0, b"x", "never opened"),
        (WINDOW, 2, UINT32.pack(1), "never opened"),
    ],
)
def test_a_frame_that_fits_no_channel_is_refused(kind, number, payload, complaint):
    pair = Pair()
    pair.open()
    with pytest.raises(ProtocolError, match=complaint):
        pair.client.receive(kind, number, memoryview(payload))


def test_only_the_agent_opens_channels():
    with pytest.raises(ProtocolError, match="out of turn"):
        Pair().agent.receive(OPEN, 1, memoryview(UINT32.pack(1)))


def test_data_beyond_the_window_is_refused():
    pair = Pair(room=0)
    pair.open()
    for _ in range(INITIAL_WINDOW // MAX_DATA_BYTES):
        pair.client.receive(DATA, 1, memoryview(bytes(MAX_DATA_BYTES)))
    with pytest.raises(ProtocolError, match="beyond its window"):
        pair.client.receive(DATA, 1, memoryview(b"x"))


@pytest.mark.parametrize("kind", [EOF, DATA])
def test_nothing_may_follow_an_eof(kind):
    pair = Pair()
    pair.open()
    pair.client.receive(EOF, 1, memoryview(b""))
    with pytest.raises(ProtocolError):
        pair.client.receive(kind, 1, memoryview(b"x" if kind == DATA else b""))


def test_more_channels_than_a_process_can_hold_are_refused():
    pair = Pair()
    for number in range(1, MAX_LIVE + 1):
        pair.client.receive(OPEN, number, memoryview(UINT32.pack(1)))
    with pytest.raises(ProtocolError, match=str(MAX_LIVE)):
        pair.client.receive(OPEN, MAX_LIVE + 1, memoryview(UINT32.pack(1)))


def test_a_reset_of_one_channel_leaves_the_others():
    pair = Pair()
    first, _ = pair.open()
    second, _ = pair.open()
    pair.client.receive(RESET, 1, memoryview(b""))
    pair.agent.data(second, b"still here")
    pair.agent.reset(first)
    pair.settle()
    assert pair.sinks[1].arrived[2] == b"still here"
