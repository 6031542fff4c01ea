"""Both ends over a carrier that breaks at arbitrary bytes: exactly once, in order, or said lost."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from towline.link.wire.channels import GROWTH_POOL, INITIAL_WINDOW, ChannelState
from towline.link.wire.frames import Decoder
from towline.link.wire.peer import Peer
from towline.link.wire.session import StateLost

from .memory_sink import MemorySink

REPLAY_BYTES = 256 * 1024
CHANNELS = st.integers(1, 6)
AGENT, CLIENT = 0, 1
ENDS = st.sampled_from([AGENT, CLIENT])


class End:
    """A peer, its sink, its half of the carrier of the moment."""

    def __init__(self, role: int) -> None:
        self.role = role
        self.sink = MemorySink(room=0)
        self.controls: list[int] = []
        self.lost: list[str] = []
        self.peer = Peer(
            self.sink,
            role == AGENT,
            REPLAY_BYTES,
            lambda message: self.controls.append(message["n"]),
            self.lost.append,
        )
        self.sink.channels = self.peer.channels
        self.written: dict[int, bytearray] = {}
        self.controls_sent = 0
        self.attach()

    def attach(self) -> None:
        self.decoder = Decoder()
        self.outgoing = bytearray()  # written to the carrier, not yet read by the other end

    def read(self, data: bytes) -> None:
        room = self.decoder.room()
        room[: len(data)] = data
        for frame in self.decoder.frames(len(data)):
            self.peer.handle(*frame)


class LinkMachine(RuleBasedStateMachine):
    """Random life of a link: writes, deliveries of any number of bytes, cuts, stalls, ends."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = (End(AGENT), End(CLIENT))
        self.attached = True

    # What managers and interchanges do ----------------------------------------------------------

    @precondition(lambda self: self.ends[AGENT].peer.channels.opened < 6)
    @rule()
    def open(self):
        agent = self.ends[AGENT]
        channel = agent.peer.channels.open(1, "10.0.0.9:40000")
        agent.sink.adopt(channel)

    @rule(role=ENDS, number=CHANNELS, size=st.integers(1, 70_000), letter=st.integers(0, 255))
    def write(self, role, number, size, letter):
        """A source has bytes: at most the credit, and nothing while the replay buffer is full."""
        end = self.ends[role]
        channel = end.peer.channels.live.get(number)
        if channel is None or not channel.may_send or end.peer.session.full:
            return
        size = min(size, channel.credit)
        if not size:
            end.peer.channels.starve(channel)
            return
        data = bytes([letter]) * (size - 1) + bytes([size % 251])
        end.peer.channels.data(channel, data)
        end.written.setdefault(number, bytearray()).extend(data)

    @rule(role=ENDS, number=CHANNELS)
    def finish(self, role, number):
        channels = self.ends[role].peer.channels
        channel = channels.live.get(number)
        if channel is not None and channel.may_send:
            channels.end(channel)

    @rule(role=ENDS, number=CHANNELS)
    def abort(self, role, number):
        channels = self.ends[role].peer.channels
        channel = channels.live.get(number)
        if channel is not None:
            channels.reset(channel)

    @rule(role=ENDS, room=st.sampled_from([0, 1, 1000, 100_000, 1 << 60]))
    def set_room(self, role, room):
        """The sockets of one end stall, or take bytes again."""
        end = self.ends[role]
        end.sink.room = room
        for channel in list(end.peer.channels.live.values()):
            taken = min(end.sink.room, channel.pending_bytes)
            end.sink.room -= taken
            end.sink.take(channel, taken)

    @rule(role=ENDS)
    def control(self, role):
        end = self.ends[role]
        end.controls_sent += 1
        end.peer.send_control({"n": end.controls_sent})

    # What the carrier does ----------------------------------------------------------------------

    @precondition(lambda self: self.attached)
    @rule(role=ENDS, size=st.integers(1, 300_000))
    def deliver(self, role, size):
        """Some bytes move: written by one end, read by the other."""
        end, other = self.ends[role], self.ends[1 - role]
        for buffer in end.peer.session.pull(size):
            end.outgoing += buffer
        data = bytes(end.outgoing[:size])
        del end.outgoing[:size]
        other.read(data)

    @precondition(lambda self: self.attached)
    @rule()
    def cut(self):
        self.attached = False

    @precondition(lambda self: not self.attached)
    @rule()
    def reattach(self):
        for end, other in (self.ends, self.ends[::-1]):
            end.attach()
            end.peer.session.resume(other.peer.session.received)
        self.attached = True

    @precondition(lambda self: self.attached)
    @rule()
    def settle(self):
        """Let the carrier move everything in both directions."""
        for _ in range(2000):
            moved = False
            for end, other in (self.ends, self.ends[::-1]):
                for buffer in end.peer.session.pull(1 << 18):
                    end.outgoing += buffer
                while end.outgoing:
                    moved = True
                    piece = bytes(end.outgoing[:400_000])
                    del end.outgoing[:400_000]
                    other.read(piece)
            if not moved:
                return
        raise AssertionError("the ends talk for ever")

    # What must hold -----------------------------------------------------------------------------

    @invariant()
    def what_arrived_is_a_beginning_of_what_was_written(self):
        for end, other in (self.ends, self.ends[::-1]):
            for number, arrived in end.sink.arrived.items():
                written = other.written.get(number, b"")
                assert written[: len(arrived)] == arrived
            assert end.controls == list(range(1, len(end.controls) + 1))
            assert not end.lost

    @invariant()
    def memory_is_bounded(self):
        for end in self.ends:
            session = end.peer.session
            kept = sum(entry[0] for entry in [*session._unsent, *session._unacknowledged])
            assert session.kept_bytes == kept
            # one write beyond the limit, and small frames that are always taken
            assert kept < REPLAY_BYTES + 70_000 + 10_000 + 50 * end.controls_sent
            live = end.peer.channels.live.values()
            growth = sum(channel.window - INITIAL_WINDOW for channel in live)
            assert 0 <= growth <= GROWTH_POOL
            for channel in live:
                assert channel.pending_bytes == sum(len(piece) for piece in channel.pending)
                assert channel.pending_bytes <= channel.window

    def teardown(self):
        """Heal everything: all that was not reset arrives, and both ends agree."""
        if not self.attached:
            self.reattach()
        for role in (AGENT, CLIENT):
            self.set_room(role, 1 << 60)
        self.settle()
        agent, client = self.ends
        assert agent.controls_sent == len(client.controls)
        assert client.controls_sent == len(agent.controls)
        assert set(agent.peer.channels.live) == set(client.peer.channels.live)
        for end, other in (self.ends, self.ends[::-1]):
            assert end.peer.session.idle
            for number, channel in end.peer.channels.live.items():
                assert end.sink.arrived[number] == other.written.get(number, b"")
                assert channel.credit or other.peer.channels.live[number].ended
                assert channel.state is not ChannelState.CLOSED


TestLink = LinkMachine.TestCase
TestLink.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)


def test_an_end_that_forgot_is_noticed_not_resumed():
    """A new session in the place of one that had exchanged frames never passes for it."""
    old, other = End(AGENT), End(CLIENT)
    old.peer.send_control({"n": 1})
    other.read(b"".join(bytes(buffer) for buffer in old.peer.session.pull(1000)))
    old.peer.session.acknowledge(1)
    fresh = End(CLIENT)
    for known, forgetful in ((old, fresh), (fresh, other)):
        try:
            known.peer.session.resume(forgetful.peer.session.received)
        except StateLost:
            break
    else:
        raise AssertionError("resumed with an end that knows nothing")
