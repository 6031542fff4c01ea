"""An endpoint over pipes: flushing, acknowledging, silence, and a carrier that takes nothing."""

from __future__ import annotations

import contextlib
import os
import time

import pytest

from towline.link.wire.carrier import CarrierSettings
from towline.link.wire.endpoint import BACKLOG_BYTES, Endpoint, EndpointOwner
from towline.link.wire.frames import ACK, DATA, MAX_DATA_BYTES, PING, UINT64, encode
from towline.link.wire.loop import Loop

from .test_frames import Decoder, decode


class Owner(EndpointOwner):
    """Collects what the endpoint tells."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def control(self, message):
        self.told.append(f"control {message}")

    def carrier_lost(self, reason):
        self.told.append(f"carrier lost: {reason}")

    def session_lost(self, reason):
        self.told.append(f"session lost: {reason}")

    def address_behind(self, listener):
        raise LookupError("an end that accepts dials nobody")


class Ends:
    """An endpoint, and the other end of its carrier in the test's hands."""

    def __init__(self, ping_seconds: float = 60.0, dead_seconds: float = 60.0) -> None:
        self.loop, self.owner = Loop(), Owner()
        settings = CarrierSettings(ping_seconds, dead_seconds)
        self.endpoint = Endpoint(self.loop, self.owner, settings, accepts=True)
        self.decoder = Decoder()

    def attach(self) -> None:
        fd_in, self.to_it = os.pipe()
        self.from_it, fd_out = os.pipe()
        for fd in (fd_in, fd_out, self.from_it):
            os.set_blocking(fd, False)
        self.endpoint.attach(fd_in, fd_out, b"", b"")

    def frames(self, seconds: float = 0.0) -> list[tuple[int, int, bytes]]:
        self.loop.run_once(seconds)
        with contextlib.suppress(BlockingIOError):
            return decode(self.decoder, os.read(self.from_it, 1 << 20))
        return []

    def close(self) -> None:
        self.endpoint.detach()
        self.loop.close()
        for name in ("to_it", "from_it"):
            if hasattr(self, name):
                os.close(getattr(self, name))


@pytest.fixture
def ends():
    ends = Ends()
    yield ends
    ends.close()


def test_without_a_carrier_nothing_wakes_the_loop(ends):
    """An acknowledgement that cannot be sent is not tried twenty times a second."""
    ends.endpoint.session.count_received(10)
    ends.endpoint.send_control({"id": 1})
    ends.loop.run_once(0)
    began = time.monotonic()
    ends.loop.run_once(0.3)
    assert time.monotonic() - began >= 0.29


def test_a_lone_frame_is_acknowledged_after_a_moment(ends):
    ends.attach()
    assert [kind for kind, _, _ in ends.frames()] == [PING]
    os.write(ends.to_it, encode(7, 0, b'{"id": 1}'))
    assert ends.frames(1.0) == []
    assert ends.frames(1.0) == [(ACK, 0, UINT64.pack(1))]
    assert ends.owner.told == ["control {'id': 1}"]


def test_frames_produced_in_one_round_leave_in_one_write(ends):
    ends.attach()
    ends.frames()
    for letter in b"abc":
        ends.endpoint.session.send(DATA, 1, bytes([letter]))
    assert [payload for _, _, payload in ends.frames()] == [b"a", b"b", b"c"]


def test_a_carrier_that_takes_nothing_pauses_the_sources_and_goes_on_later(ends):
    ends.attach()
    paused = []
    ends.loop.pause_sources = lambda: paused.append(True)
    ends.loop.resume_sources = lambda: paused.append(False)
    payload = bytes(MAX_DATA_BYTES)
    count = 0
    while not (paused and paused[-1]):
        ends.endpoint.session.send(DATA, 1, payload)
        count += 1
        ends.loop.run_once(0)
        assert count < 100, "what is unsent stays bounded"
    assert ends.endpoint.session.unsent_bytes < BACKLOG_BYTES + 2 * MAX_DATA_BYTES
    arrived = 0
    while arrived < count:
        arrived += sum(kind == DATA for kind, _, _ in ends.frames(0.01))
    assert paused[-1] is False


def test_silence_is_asked_about_and_then_ends_the_carrier():
    ends = Ends(ping_seconds=0.02, dead_seconds=0.2)
    ends.attach()
    pings = 0
    deadline = time.monotonic() + 20
    while not ends.owner.told:
        pings += sum(kind == PING for kind, _, _ in ends.frames(1.0))
        assert time.monotonic() < deadline
    assert ends.owner.told[0].startswith("carrier lost: no sign of life")
    assert pings >= 2
    assert ends.endpoint.carrier is None
    ends.close()


def test_a_sign_of_life_keeps_the_carrier():
    ends = Ends(ping_seconds=0.02, dead_seconds=0.5)
    ends.attach()
    began = time.monotonic()
    while time.monotonic() - began < 1.0:
        for kind, _, stamp in ends.frames(1.0):
            if kind == PING:
                os.write(ends.to_it, encode(66, 0, stamp))
    assert ends.owner.told == []
    assert 0 <= ends.endpoint.round_trip < 1
    ends.close()


def test_nonsense_in_a_numbered_frame_ends_the_session(ends):
    ends.attach()
    os.write(ends.to_it, encode(7, 0, b"no JSON"))
    ends.loop.run_once(1.0)
    assert ends.owner.told == ["session lost: control message that is not JSON"]


def test_an_end_of_the_stream_ends_only_the_carrier(ends):
    ends.attach()
    os.close(ends.to_it)
    ends.loop.run_once(1.0)
    assert ends.owner.told == ["carrier lost: closed by the other side"]
    os.close(ends.from_it)
    ends.attach()
    assert ends.frames() != []
