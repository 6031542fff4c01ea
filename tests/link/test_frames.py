"""Frames: encoding, cutting a stream into frames, refusing what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.link.wire.frames import (
    BUFFER_BYTES,
    DATA,
    HEADER,
    MAX_CONTROL_BYTES,
    MAX_DATA_BYTES,
    PAYLOAD_BYTES,
    Decoder,
    FrameType,
    ProtocolError,
    encode,
    header,
)


def decode(decoder: Decoder, data: bytes) -> list[tuple[int, int, bytes]]:
    frames = []
    while data:
        room = decoder.room()
        count = min(len(room), len(data))
        room[:count] = data[:count]
        data = data[count:]
        frames += [(kind, channel, bytes(view)) for kind, channel, view in decoder.frames(count)]
    return frames


@st.composite
def frame(draw: st.DrawFn) -> tuple[int, int, bytes]:
    kind = draw(st.sampled_from(sorted(PAYLOAD_BYTES)))
    fewest, most = PAYLOAD_BYTES[kind]
    length = draw(st.integers(fewest, min(most, fewest + 300)))
    payload = draw(st.binary(min_size=length, max_size=length))
    return int(kind), draw(st.integers(0, 2**32 - 1)), payload


@given(st.lists(frame(), max_size=20), st.lists(st.integers(1, 400), min_size=1, max_size=40))
def test_frames_survive_any_cutting_of_the_stream(frames, pieces):
    stream = b"".join(encode(*each) for each in frames)
    decoder, arrived = Decoder(), []
    at = turn = 0
    while at < len(stream):
        size = pieces[turn % len(pieces)]
        arrived += decode(decoder, stream[at : at + size])
        at, turn = at + size, turn + 1
    assert arrived == frames


def test_a_long_stream_of_largest_frames_fits_one_buffer():
    payload = bytes(range(256)) * (MAX_DATA_BYTES // 256)
    stream = encode(DATA, 7, payload) * 40
    decoder, count = Decoder(), 0
    for at in range(0, len(stream), 100_001):
        for each in decode(decoder, stream[at : at + 100_001]):
            assert each == (DATA, 7, payload)
            count += 1
    assert count == 40


def test_there_is_always_room_for_the_rest_of_the_largest_frame():
    decoder = Decoder()
    whole = encode(FrameType.CONTROL, 0, b"x" * MAX_CONTROL_BYTES)
    for _ in range(8):
        assert decode(decoder, whole[:-1]) == []
        assert len(decoder.room()) >= 1
        assert len(decode(decoder, whole[-1:])) == 1


@given(st.binary(max_size=3000), st.integers(1, 64))
def test_garbage_is_refused_or_read_but_never_hoarded(garbage, size):
    """The decoder raises at once or yields legal frames; it never waits for an absurd payload."""
    decoder = Decoder()
    try:
        for at in range(0, len(garbage), size):
            for kind, _, payload in decode(decoder, garbage[at : at + size]):
                fewest, most = PAYLOAD_BYTES[kind]
                assert fewest <= len(payload) <= most
    except ProtocolError:
        return
    if len(garbage) >= 8:
        word = HEADER.unpack_from(garbage)[0]
        assert word >> 24 in PAYLOAD_BYTES


@pytest.mark.parametrize("kind", sorted(PAYLOAD_BYTES))
def test_a_length_that_its_type_forbids_is_refused_by_the_header_alone(kind):
    fewest, most = PAYLOAD_BYTES[kind]
    for wrong in [most + 1, *([fewest - 1] if fewest else [])]:
        with pytest.raises(ProtocolError, match=FrameType(kind).name):
            decode(Decoder(), header(kind, 1, wrong))


@pytest.mark.parametrize("kind", [0, 8, 63, 67, 255])
def test_an_unknown_type_is_refused(kind):
    with pytest.raises(ProtocolError, match=f"type {kind}"):
        decode(Decoder(), header(kind, 0, 0))


def test_the_layout_on_the_wire_is_the_documented_one():
    assert encode(DATA, 0x01020304, b"ab").hex() == "02" + "000002" + "01020304" + b"ab".hex()
    assert BUFFER_BYTES > 2 * MAX_CONTROL_BYTES
