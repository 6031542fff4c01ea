"""Parts of logs: nothing lost, nothing doubled, no character cut."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from towline.server.log_text import first_character, part_of_file, whole_characters


@given(st.text(min_size=1), st.integers(4, 9))
def test_text_in_parts_is_the_text(text: str, size: int) -> None:
    """Each part can be decoded by itself, however small it is."""
    data, found, offset = text.encode("utf-8", "surrogatepass"), "", 0
    if b"\xed" in data:
        return  # surrogates are no UTF-8
    while offset < len(data):
        part = data[offset : offset + size]
        length = whole_characters(part) if offset + size < len(data) else len(part)
        assert length > 0
        found += part[:length].decode()
        offset += length
    assert found == text


@given(st.binary(min_size=4))
def test_what_is_no_utf8_is_not_held_back(data: bytes) -> None:
    """At most the three bytes that may begin a character wait for the rest."""
    assert len(data) - 3 <= whole_characters(data) <= len(data)
    assert 0 <= first_character(data) <= 3


def test_a_part_from_the_end_begins_with_a_character(tmp_path: Path) -> None:
    """Wherever the count of bytes falls."""
    log = tmp_path / "stdout.log"
    log.write_text("aé€😀z")
    for back in range(1, 12):
        part = part_of_file(log, -back, 100, True)
        assert "aé€😀z".endswith(part.data.decode())
        assert part.next_offset == part.size == 11


def test_what_is_still_being_written_is_not_cut(tmp_path: Path) -> None:
    """Half a character is left for later; of an ended run it is given as it is."""
    log = tmp_path / "stdout.log"
    log.write_bytes(b"ab\xe2\x82")
    assert part_of_file(log, 0, 100, False).data == b"ab"
    assert part_of_file(log, 0, 100, True).data == b"ab\xe2\x82"


def test_where_there_is_nothing_there_is_an_empty_part(tmp_path: Path) -> None:
    """A log that is not there yet, a place behind the end, a pipe."""
    log = tmp_path / "stdout.log"
    assert part_of_file(log, 5, 100, False).next_offset == 5
    log.write_text("abc")
    assert part_of_file(log, 10**12, 100, True).data == b""
    os.mkfifo(tmp_path / "pipe")
    assert part_of_file(tmp_path / "pipe", 0, 100, True).data == b""
