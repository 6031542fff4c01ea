"""The session: numbering, acknowledgement, replay, bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.link.wire.frames import ACK, DATA, FIRST_UNNUMBERED, PING, UINT64, ProtocolError
from towline.link.wire.session import ACK_BYTES, JOIN_BYTES, Session, StateLost

from .test_frames import Decoder, decode


def pulled(session: Session, limit: int = 1 << 20) -> list[tuple[int, int, bytes]]:
    return decode(Decoder(), b"".join(bytes(buffer) for buffer in session.pull(limit)))


def numbered(frames: list[tuple[int, int, bytes]]) -> list[bytes]:
    return [payload for kind, _, payload in frames if kind < FIRST_UNNUMBERED]


def test_what_was_not_received_is_sent_again_in_order():
    session = Session(1 << 20)
    for letter in b"abcde":
        session.send(DATA, 1, bytes([letter]))
    assert numbered(pulled(session)) == [b"a", b"b", b"c", b"d", b"e"]
    assert session.resume(2) == 3
    assert numbered(pulled(session)) == [b"c", b"d", b"e"]
    assert session.replayed_frames == 3


def test_replay_comes_before_what_was_never_sent():
    session = Session(1 << 20)
    session.send(DATA, 1, b"sent")
    pulled(session)
    session.send(DATA, 1, b"unsent")
    assert session.resume(0) == 1
    assert numbered(pulled(session)) == [b"sent", b"unsent"]


def test_an_acknowledgement_frees_what_was_kept():
    session = Session(1 << 20)
    session.send(DATA, 1, b"x" * 1000)
    session.send(DATA, 1, b"y" * (JOIN_BYTES + 1))
    pulled(session)
    assert session.kept_bytes == 1000 + 8 + JOIN_BYTES + 1 + 8
    session.acknowledge(1)
    assert session.kept_bytes == JOIN_BYTES + 1 + 8
    session.acknowledge(2)
    assert (session.kept_bytes, session.unsent_bytes, session.idle) == (0, 0, True)


@pytest.mark.parametrize("wrong", [0, 3, 2**63])
def test_an_impossible_acknowledgement_is_refused(wrong):
    session = Session(1 << 20)
    session.send(DATA, 1, b"a")
    session.send(DATA, 1, b"b")
    session.send(DATA, 1, b"never given to a carrier")
    session.pull(1)
    session.pull(1)
    session.acknowledge(1)
    with pytest.raises(ProtocolError):
        session.acknowledge(wrong)


@pytest.mark.parametrize("other_received", [0, 2])
def test_a_resume_that_does_not_fit_says_that_state_was_lost(other_received):
    session = Session(1 << 20)
    session.send(DATA, 1, b"a")
    pulled(session)
    session.acknowledge(1)
    with pytest.raises(StateLost):
        session.resume(other_received)


def test_an_acknowledgement_rides_with_the_next_frames():
    session = Session(1 << 20)
    session.count_received(10)
    assert session.owes_ack
    assert not session.has_output
    session.send(DATA, 1, b"a")
    assert pulled(session)[0] == (ACK, 0, UINT64.pack(1))
    assert not session.owes_ack


def test_much_unacknowledged_data_is_acknowledged_at_once():
    session = Session(1 << 20)
    while not session.has_output:
        session.count_received(100_000)
    assert session.received == -(-ACK_BYTES // 100_008)
    assert pulled(session) == [(ACK, 0, UINT64.pack(session.received))]


def test_unnumbered_frames_die_with_their_carrier():
    session = Session(1 << 20)
    session.send_unnumbered(PING, 7)
    session.resume(0)
    assert session.pull(100) == []


def test_full_is_said_at_the_replay_limit():
    session = Session(1000)
    session.send(DATA, 1, b"x" * 991)
    assert not session.full
    session.send(DATA, 1, b"x" * 10)
    assert session.full
    pulled(session)
    session.acknowledge(1)
    assert not session.full


@given(
    payloads=st.lists(st.binary(min_size=1, max_size=JOIN_BYTES + 50), max_size=30),
    carriers=st.lists(
        st.tuples(st.integers(0, 20_000), st.integers(0, 20_000), st.booleans()), max_size=8
    ),
)
def test_whatever_part_of_each_carrier_arrives_nothing_is_lost_or_doubled(payloads, carriers):
    """Each carrier delivers a prefix of what was pulled, its acknowledgement perhaps lost."""
    session, arrived = Session(1 << 30), []
    for payload in payloads:
        session.send(DATA, 1, payload)
    for limit, delivered, acknowledged in [*carriers, (1 << 30, 1 << 30, True)]:
        session.resume(len(arrived))
        stream = b"".join(bytes(buffer) for buffer in session.pull(limit))
        arrived += numbered(decode(Decoder(), stream[:delivered]))
        if acknowledged:
            session.acknowledge(len(arrived))
        kept = sum(len(payload) + 8 for payload in payloads[session._acknowledged :])
        assert session.kept_bytes == kept
    assert arrived == payloads
    assert session.idle
