"""The handshake: finding the other end's words behind noise."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.link.wire.frames import UINT32, ProtocolError
from towline.link.wire.handshake import (
    MAGIC,
    MAX_MESSAGE_BYTES,
    MAX_NOISE_BYTES,
    MessageReader,
    common_version,
    encode_message,
    hello,
    text_field,
    version_range,
    whole_number,
)


def feed(reader: MessageReader, data: bytes, size: int):
    for at in range(0, len(data), size):
        answer = reader.feed(data[at : at + size])
        if answer is not None:
            return answer[0], answer[1] + data[at + size :]
    return None


@given(
    noise=st.binary(max_size=300).filter(lambda data: MAGIC not in data),
    rest=st.binary(max_size=100),
    size=st.integers(1, 500),
)
def test_a_message_is_found_behind_any_noise_in_any_pieces(noise, rest, size):
    message = hello("session", "secret", 12)
    reader = MessageReader(MAX_NOISE_BYTES)
    assert feed(reader, noise + encode_message(message) + rest, size) == (message, rest)
    assert reader.noise == noise


def test_a_beginning_of_the_magic_in_the_noise_is_noise():
    message = {"answer": "welcome"}
    data = MAGIC[:9] + b"login" + MAGIC[:3] + encode_message(message)
    assert feed(MessageReader(100), data, 1) == (message, b"")


def test_64_kib_of_noise_are_skipped_and_no_byte_more():
    message = encode_message({"a": 1})
    assert feed(MessageReader(MAX_NOISE_BYTES), b"m" * MAX_NOISE_BYTES + message, 4096)
    with pytest.raises(ProtocolError):
        feed(MessageReader(MAX_NOISE_BYTES), b"m" * (MAX_NOISE_BYTES + 1) + message, 4096)


def test_where_no_noise_can_be_the_first_wrong_byte_is_refused():
    with pytest.raises(ProtocolError):
        MessageReader().feed(b"G")


@pytest.mark.parametrize(
    "body",
    [
        UINT32.pack(MAX_MESSAGE_BYTES + 1),
        UINT32.pack(3) + b"{{{",
        UINT32.pack(2) + b"[]",
        UINT32.pack(2) + b"\xff\xff",
        UINT32.pack(4000) + b"[" * 4000,
    ],
)
def test_a_message_that_is_none_is_refused(body):
    with pytest.raises(ProtocolError):
        MessageReader().feed(MAGIC + body)


@given(st.binary(max_size=400), st.integers(1, 50))
def test_garbage_is_refused_or_waited_on_but_never_crashes(garbage, size):
    reader = MessageReader(200)
    with contextlib.suppress(ProtocolError):
        assert feed(reader, garbage, size) is None


@pytest.mark.parametrize(
    ("ours", "theirs", "version"),
    [((1, 1), (1, 1), 1), ((1, 3), (2, 9), 3), ((2, 3), (1, 2), 2), ((1, 1), (2, 2), None)],
)
def test_the_newest_version_that_both_speak_is_chosen(ours, theirs, version):
    assert common_version(ours, theirs) == version


@pytest.mark.parametrize("value", [None, -1, True, 1.5, "1"])
def test_a_number_must_be_a_whole_number(value):
    with pytest.raises(ProtocolError):
        whole_number({"received": value}, "received")


@pytest.mark.parametrize("value", [None, 1, [1], [1, 2, 3], ["1", "2"]])
def test_versions_must_be_a_pair(value):
    with pytest.raises(ProtocolError):
        version_range({"versions": value})


def test_a_text_must_be_a_text():
    with pytest.raises(ProtocolError):
        text_field({"secret": None}, "secret")
