"""What programs write for terminals becomes harmless, coloured HTML."""

from __future__ import annotations

import re
from html import unescape

from hypothesis import given
from hypothesis import strategies as st

from towline.server.pages.ansi import Style, lines_html

PLAIN = Style()
pieces = st.sampled_from(
    [
        *("\x1b[31m", "\x1b[1;4m", "\x1b[0m", "\x1b[38;5;200m", "\x1b[48;2;1;2;3m", "\x1b[7m"),
        *("\x1b[2J", "<script>", "&", "\r", "\n", "\x07", "\x1b]0;t\x07", "é", '"', "\x1b"),
        "\x1b[99999999m",
    ]
)
texts = st.lists(st.one_of(pieces, st.text(max_size=5)), max_size=30).map("".join)


def test_colours_and_weights_become_classes() -> None:
    """Sixteen colours, bold, and back to plain."""
    html, style = lines_html("a\x1b[1;31mb\x1b[0mc", PLAIN)
    assert html == '<div>a<span class="ansi-bold f1">b</span>c</div>'
    assert style == PLAIN


def test_a_colour_goes_on_in_the_next_part() -> None:
    """What a part ends with is kept as text, and the next part begins with it."""
    _, style = lines_html("\x1b[4;92mgreen", PLAIN)
    assert Style.from_text(style.as_text()) == style
    assert lines_html("more", style)[0] == '<div><span class="ansi-underline f10">more</span></div>'


def test_of_more_colours_the_nearest_is_taken() -> None:
    """256 colours and 16 million become the sixteen that are legible."""
    assert 'class="f9"' in lines_html("\x1b[38;2;250;10;10mx", PLAIN)[0]
    assert 'class="f8"' in lines_html("\x1b[38;5;244mx", PLAIN)[0]


def test_a_progress_bar_shows_its_last_state() -> None:
    """A carriage return begins the line anew; one at its end does not empty it."""
    assert lines_html("10 %\r20 %\rdone\r", PLAIN)[0] == "<div>done</div>"


def test_what_moves_the_cursor_or_names_the_window_is_left_out() -> None:
    """No sequence is shown as text."""
    assert lines_html("\x1b[2J\x1b]0;title\x07\x1b[1;1Hx\x1b(B\x08", PLAIN)[0] == "<div>x</div>"


@given(texts)
def test_only_our_own_tags_come_out(text: str) -> None:
    """Whatever is written, the HTML has nothing but divs and spans with our classes."""
    html, style = lines_html(text, PLAIN)
    rest = re.sub(r'</?div>|<span class="[a-z0-9 -]+">|</span>', "", html)
    assert "<" not in rest and ">" not in rest
    assert html.count("<div>") == text.count("\n") + 1
    assert "\x1b" not in unescape(rest)
    assert Style.from_text(style.as_text()) == style
