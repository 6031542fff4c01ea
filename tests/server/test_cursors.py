"""Cursors: opaque, and never trusted."""

from __future__ import annotations

import base64

import pytest

from towline.server.paging import make_cursor, read_cursor
from towline.server.problems import ProblemError


def test_a_cursor_brings_back_what_it_was_given() -> None:
    """Values and their types."""
    assert read_cursor(make_cursor(12, "a/ü", None), int, str, type(None)) == (12, "a/ü", None)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "ü",
        make_cursor("12"),
        make_cursor(12, 13),
        make_cursor(True),
        base64.urlsafe_b64encode(b'{"a":1}').decode(),
        base64.urlsafe_b64encode(b"[" * 50_000).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_cursor_of_somebody_elses_is_refused(cursor: str) -> None:
    """With the field's name, never with a crash."""
    with pytest.raises(ProblemError) as refused:
        read_cursor(cursor, int)
    assert refused.value.fields[0][0] == "query.cursor"
