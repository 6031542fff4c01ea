"""A stream sends what differs, and everything at its beginning."""

from __future__ import annotations

from towline.server.pages.fragments import Fragment, differences, message

ROWS = {"r2": "<tr id=r2>new</tr>", "r1": "<tr id=r1>old</tr>"}
TABLE = Fragment("<tbody id=t>…</tbody>", ROWS)


def test_a_stream_begins_with_everything() -> None:
    """What happened before it is not missed."""
    assert differences({}, {"t": TABLE}) == {"t": TABLE.html}


def test_of_the_same_rows_only_the_changed_are_sent() -> None:
    """A table of many rows costs one row."""
    moved = Fragment("<tbody id=t>other</tbody>", {**ROWS, "r1": "<tr id=r1>now</tr>"})
    assert differences({"t": TABLE}, {"t": moved}) == {"r1": "<tr id=r1>now</tr>"}


def test_other_rows_or_another_order_send_the_whole() -> None:
    """A row that comes or goes puts all in their places."""
    turned = Fragment("<tbody id=t>turned</tbody>", dict(reversed(ROWS.items())))
    assert differences({"t": TABLE}, {"t": turned}) == {"t": turned.html}
    assert differences({"t": TABLE}, {"t": TABLE}) == {}


def test_a_message_names_its_targets_and_may_have_lines() -> None:
    """One event, however many lines the HTML has."""
    data = message({"a": "<p id=a>\n1</p>"}).decode()
    assert data.startswith(
        'data: <hx-partial hx-target="#a" hx-swap="outerMorph"><p id=a>\ndata: 1'
    )
    assert data.endswith("\n\n")
