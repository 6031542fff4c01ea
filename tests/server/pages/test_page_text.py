"""Words, Markdown, paths: what goes into pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towline.server.pages import words
from towline.server.pages.cluster_page import squares
from towline.server.pages.markdown import html_of
from towline.server.pages.sign_in import local_path


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "just now"),
        (40, "40 s ago"),
        (125, "2 min ago"),
        (7300, "2 h ago"),
        (90000, "1 day ago"),
    ],
)
def test_times_are_said_as_people_say_them(seconds: float, text: str) -> None:
    """The largest unit that fits."""
    assert words.ago(1e9, 1e9 + seconds) == text


def test_an_old_time_is_a_date_and_a_senseless_one_no_error() -> None:
    """After two weeks the day says more."""
    assert words.ago(0, 1e9) == "1 Jan 1970"
    assert words.iso(1e300) == "1970-01-01T00:00:00Z"


def test_sizes_have_units() -> None:
    """Thousands, as disks are sold."""
    assert [words.size(n) for n in (7, 4100, 2_300_000_000)] == ["7 B", "4.1 kB", "2.3 GB"]


@pytest.mark.parametrize("path", ["//evil.example", "https://evil", "/\\evil", "evil", "/a\nb", ""])
def test_after_signing_in_nobody_is_led_elsewhere(path: str) -> None:
    """Only a path of this server is gone to."""
    assert local_path(path) == "/"
    assert local_path("/runs?state=active") == "/runs?state=active"


def test_a_readme_is_rendered_without_what_could_do_harm() -> None:
    """Raw HTML is text, pictures are words, links go out or nowhere."""
    text = "# T\n<script>x</script> ![pic](http://e/x.png) [a](javascript:x) [b](other.md) [c](https://c)"
    html = str(html_of(text))
    assert "<h2>T</h2>" in html
    assert "&lt;script&gt;" in html and "<script" not in html and "<img" not in html
    assert 'href="javascript' not in html
    assert '<a href="#" rel="noopener noreferrer">b</a>' in html
    assert '<a href="https://c" rel="noopener noreferrer">c</a>' in html


@given(st.text(alphabet="<>[]()!`*#:/ajsx\"'&\n ", max_size=80))
def test_no_markdown_makes_a_tag_that_is_not_ours(text: str) -> None:
    """Whatever is written."""
    html = str(html_of(text)).lower()
    assert "<script" not in html and "<img" not in html and "onerror" not in html.split(">")[0]


def test_nodes_are_grouped_by_what_can_be_done_with_them() -> None:
    """Busy, idle, odd, broken; Slurm's marks behind a state are not another state."""
    found = squares({"idle~": 3, "down*": 1, "mixed": 2, "planned": 1, "drained": 1})
    assert [kind for kind, _, _ in found] == ["busy", "idle", "warn", "bad", "bad"]
