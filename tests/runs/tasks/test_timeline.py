"""The picture of a run: rows, bars and blocks, as text and as SVG."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from towline.runs.events import Event
from towline.runs.render import plain
from towline.runs.tasks import TaskTry, timeline, timeline_lines, timeline_svg
from towline.runs.tasks.shares import shares
from towline.runs.tasks.timeline import MOST_SIDE_BY_SIDE, By, Row, Timeline, steps
from towline.runs.tasks.timeline_svg import COLOURS, MOST_WITH_WORDS, description
from towline.runs.tasks.tries import fold_rows
from towline.runs.view import RunView, fold

from .rows import PLACES, end, launch, many

NAMESPACE = "{http://www.w3.org/2000/svg}"


def tries_of(rows: Iterable[dict[str, Any]]) -> list[TaskTry]:
    return list(fold_rows([PLACES, *rows], over=True))


def blocks() -> RunView:
    """Return a run with a block that was queued for 4 s, and one that is still queued."""
    facts = {"cluster": "onprem", "executor": "ex_onprem", "block": "0", "job_id": "417"}
    waiting = {**facts, "cluster": "cloud", "executor": "ex_cloud", "job_id": "9"}
    return fold(
        [
            Event(90.0, "created"),
            Event(96.0, "block", {**facts, "state": "queued", "reason": "Resources"}),
            Event(96.0, "block", {**waiting, "state": "queued", "reason": "Priority"}),
            Event(100.0, "block", {**facts, "state": "running"}),
            Event(116.0, "block", {**facts, "state": "ended"}),
        ]
    )


FOUR = [
    *(launch(0, 100.0), end(0, 101.0, 6.0)),
    *(launch(1, 100.0, "train"), end(1, 101.0, 8.0, worker="1")),
    *(launch(2, 100.0), end(2, 107.0, 4.0, "failed", error="ValueError", text="a < b & c")),
    *(launch(3, 100.0), end(3, 110.0, 2.0, worker="10")),
]


def drawn(rows: Iterable[dict[str, Any]] = FOUR, by: By = By.AUTO, **options: Any) -> Timeline:
    return timeline(tries_of(rows), blocks(), now=116.0, by=by, **options)


def text_of(picture: Timeline, **options: Any) -> list[str]:
    return [plain(line).rstrip() for line in timeline_lines(picture, **options)]


def test_a_row_is_a_worker_while_there_is_room():
    picture = drawn()
    assert [row.label for row in picture.rows] == ["n1 0", "n1 1", "n1 10"]
    assert (picture.begin, picture.end) == (96.0, 116.0)
    assert picture.apps == {"simulate": 3, "train": 1}


def test_workers_are_drawn_together_where_there_is_not():
    rows = many(640)
    assert [drawn(rows, most=most).by for most in (64, 40, 7)] == [By.WORKER, By.NODE, By.CLUSTER]
    nodes = drawn(rows, By.NODE)
    assert [row.workers for row in nodes.rows] == [4] * 16
    assert sum(len(row.bars) for row in nodes.rows) == 640
    [onprem, cloud] = [group.rows for group in drawn(rows, By.CLUSTER).groups]
    assert [row.workers for row in (*onprem, *cloud)] == [32, 32]


def test_a_block_shows_how_long_it_was_queued():
    blocks = {block.label: block for group in drawn().groups for block in group.blocks}
    assert blocks["ex_onprem/0 417"][1:4] == (96.0, 100.0, 116.0)
    assert blocks["ex_cloud/0 9"][1:] == (96.0, None, 116.0, "Priority")


def test_a_lost_try_is_drawn_after_what_its_worker_had_done():
    lost = {"time": 112.0, "task": 9, "try": 0, "state": "lost", "host": "n1", "worker": "0"}
    [row] = [row for row in drawn([*FOUR, launch(9, 100.0), lost]).rows if row.label == "n1 0"]
    assert [(bar.start, bar.end) for bar in row.bars] == [(101, 107), (107, 111), (111, 112)]


def test_tries_without_a_worker_lie_side_by_side_and_the_rest_is_counted():
    rows = []
    for task in range(20):
        done = {"time": 105.0, "task": task, "try": 0, "state": "done"}
        rows += [{**launch(task, 100.0), "executor": "threads"}, done]
    picture = drawn(rows)
    assert len(picture.rows) == MOST_SIDE_BY_SIDE
    assert picture.rows[0].label == "threads #1"
    assert picture.unplaced == 20 - MOST_SIDE_BY_SIDE
    assert "12 tries are not drawn" in text_of(picture)[-1]


def test_shares_add_up_to_the_time_that_was_worked():
    row = drawn(many(640), By.NODE).rows[0]
    found = shares(row, 100.0, 40.0, 17)
    assert sum(share.busy for share in found) * 40 / 17 * row.workers == pytest.approx(row.busy)
    assert sum(share.ended_badly for share in found) == sum(bar.bad for bar in row.bars)
    assert shares(Row("n1", []), 0.0, 1.0, 3)[0].most == ""


def test_the_text_shows_bars_failures_and_blocks_without_any_colour():
    lines = text_of(drawn(), width=84)
    assert max(len(line) for line in lines) <= 84
    onprem = lines[1:6]
    assert onprem[0] == "onprem"
    assert re.search(r"ex_onprem/0 417 +░{10}─{39}", onprem[1])
    assert re.search(r"n1 0 +a█{13}a█{9}x +2 +50 %$", onprem[2])
    assert re.search(r"n1 1 +b█{18}▇ +1 +40 %$", onprem[3])
    assert lines[6] == "cloud"
    assert lines[7].endswith("queued 20 s")
    assert "a simulate (3)   b train (1)" in lines[9]


def test_text_of_ascii_alone_for_terminals_that_know_no_more():
    for line in text_of(drawn(), ascii_only=True):
        line.encode("ascii")


@pytest.mark.parametrize("width", [40, 60, 100, 237])
def test_the_text_fits(width: int):
    lines = text_of(drawn(many(2000)), width=width)
    rows = [line for line in lines if re.search(r"\d %$", line)]
    assert len(rows) == 16
    assert {len(line) for line in rows} <= {max(width, len(rows[0]))}


def test_a_run_without_tasks_has_a_picture_of_words():
    empty = timeline([], RunView(), now=1.0)
    assert text_of(empty) == ["nothing to draw yet"]
    assert "nothing to draw yet" in timeline_svg(empty, "Run 1")


def svg(picture: Timeline, title: str = "Run 12: multi.py") -> ET.Element:
    return ET.fromstring(timeline_svg(picture, title))  # noqa: S314


def test_an_svg_says_in_words_what_it_shows():
    root = svg(drawn(), "Run 1: <&> (done)")
    names = root.attrib["aria-labelledby"].split()
    found = {each.attrib.get("id"): each.text for each in root}
    assert root.attrib["role"] == "img"
    assert found[names[0]] == "Run 1: <&> (done)"
    assert found[names[1]] == description(drawn())
    assert description(drawn()) == (
        "4 tries of 2 apps on 3 workers of 2 clusters in 20 s; 1 failed or lost; "
        "onprem: workers busy 33 %."
    )


def test_each_bar_of_an_svg_has_words_for_the_pointer():
    words = [each.text or "" for each in svg(drawn()).iter(f"{NAMESPACE}title")]
    assert "simulate 2: failed, 4.0 s, ValueError: a < b & c, ≤ 5 MB" in words
    assert "ex_onprem/0 417 queued 4.0 s" in words
    assert "ex_cloud/0 9 queued 20 s Priority" in words


def test_an_svg_is_for_light_and_dark_pages_and_asks_nobody_else():
    text = timeline_svg(drawn(), "Run 12")
    assert "prefers-color-scheme:dark" in text
    assert set(re.findall(r"https?://[^\"]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "<script" not in text


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("index", "ground"), [(0, "#ffffff"), (1, "#0d1117")])
def test_the_colours_of_apps_stand_out_from_the_ground(index: int, ground: str):
    """WCAG asks for 3:1 of what must be seen to understand a picture."""
    for pair in COLOURS:
        light, dark = sorted((luminance(pair[index]), luminance(ground)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3, pair


def test_many_tasks_make_no_huge_picture():
    """Beyond some thousand tasks, time shares stand for bars."""
    picture = drawn(many(20_000), most=80)
    assert sum(len(row.bars) for row in picture.rows) == 20_000 > MOST_WITH_WORDS
    text = timeline_svg(picture, "Run 12")
    assert len(text) < 1_500_000
    assert len(list(svg(picture).iter())) < 1000
    assert len(timeline_lines(drawn(many(20_000)), 120)) < 60


def test_no_app_is_left_out_of_the_legend():
    rows = []
    for task in range(12):
        rows += [launch(task, 100.0, f"app_{task}"), end(task, 101.0 + task, 1.0)]
    words = " ".join(each.text or "" for each in svg(drawn(rows)).iter(f"{NAMESPACE}text"))
    assert "app_0 (1)" in words
    assert "5 other apps (5)" in words
    assert "and 2 more apps" in "\n".join(text_of(drawn(rows)))


@pytest.mark.parametrize(
    ("seconds", "most", "last"), [(20.0, 4, 20), (36.0, 9, 35), (7200.0, 6, 7200), (0.05, 3, 0.04)]
)
def test_an_axis_has_round_moments(seconds: float, most: int, last: float):
    found = steps(seconds, most)
    assert found[0] == 0
    assert found[-1] == pytest.approx(last)
    assert 2 <= len(found) <= most + 1
