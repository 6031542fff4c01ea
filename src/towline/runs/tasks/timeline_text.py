"""The timeline of a run as lines of text, fitted to a width; readable without colour."""

from __future__ import annotations

import time

from towline.runs.render import Line, duration
from towline.runs.tasks.shares import Share, shares
from towline.runs.tasks.timeline import Block, Group, Row, Timeline, steps
from towline.runs.tasks.words import short_time

STYLES = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow", "white")
"""Of the most frequent apps, in this order; the others share the last."""

LETTERS = "abcdefghijklmnopqrstuvwxyz"
LEVELS = "▁▂▃▄▅▆▇█"
ASCII_LEVELS = ".:-=+*%@"
LEAST_STRIP = 20
MOST_LABEL = 28


def timeline_lines(picture: Timeline, width: int = 100, *, ascii_only: bool = False) -> list[Line]:
    """Return a picture's lines.

    A row's height in a column is the share of the time that its workers were busy; the letter of
    its app stands where a bar begins, and ``x`` where one failed or was lost.

    Args:
        picture: of a run.
        width: columns that the lines may take.
        ascii_only: use no character beyond ASCII.

    """
    if not picture.groups:
        return [[("nothing to draw yet", "")]]
    labels = [row.label for row in picture.rows]
    labels += [block.label for group in picture.groups for block in group.blocks]
    left = min(max(len(label) for label in labels), MOST_LABEL) + 4
    strip = max(LEAST_STRIP, width - left - _RIGHT)
    marks = _Marks(ascii_only)
    lines = [_axis(picture, left, strip, marks)]
    letters = {app: LETTERS[min(i, 25)] for i, app in enumerate(picture.apps)}
    for group in picture.groups:
        lines += _group(picture, group, left, strip, letters, marks)
    return [*lines, [], *_legend(picture, letters, marks, width)]


_RIGHT = 16  # "  10,000   100 %"


class _Marks:
    def __init__(self, ascii_only: bool) -> None:
        self.levels = ASCII_LEVELS if ascii_only else LEVELS
        self.queued, self.running = ("~", "-") if ascii_only else ("░", "─")
        self.tick, self.failed = ("|", "x") if ascii_only else ("╷", "x")


def _axis(picture: Timeline, left: int, strip: int, marks: _Marks) -> Line:
    text = ""
    for moment in steps(picture.seconds, strip // 10):
        at = round(moment / picture.seconds * strip)
        if len(text) <= at < strip - 4:
            text = text.ljust(at) + marks.tick + (short_time(moment) if moment else "0")
    return [(" " * left, ""), (text[:strip].ljust(strip), "dim"), ("   tries   busy", "dim")]


def _group(
    picture: Timeline, group: Group, left: int, strip: int, letters: dict[str, str], marks: _Marks
) -> list[Line]:
    lines: list[Line] = [[(group.cluster or "elsewhere", "bold")]]
    for block in group.blocks:
        label = (f"  {block.label[:MOST_LABEL]}".ljust(left), "dim")
        strokes = _block(picture, block, strip, marks)
        lines.append([label, (strokes, "dim"), (f"  {_block_words(block)}", "dim")])
    for row in group.rows:
        cells = shares(row, picture.begin, picture.seconds, strip)
        busy = 100 * row.busy / (picture.seconds * row.workers)
        end = f"{len(row.bars):>8,}  {min(busy, 100):>4.0f} %"
        label = (f"  {_cut(row.label)}".ljust(left), "")
        lines.append([label, *_cells(cells, row, picture, letters, marks), (end, "dim")])
    return lines


def _cut(label: str) -> str:
    """Return the end of a long label: nodes of a cluster begin alike."""
    return label if len(label) <= MOST_LABEL else f"..{label[2 - MOST_LABEL :]}"


def _block(picture: Timeline, block: Block, strip: int, marks: _Marks) -> str:
    def column(moment: float) -> int:
        return min(strip, max(0, round((moment - picture.begin) / picture.seconds * strip)))

    begun = column(block.started if block.started is not None else block.ended)
    first, last = column(block.submitted), column(block.ended)
    queued = marks.queued * (begun - first)
    return (" " * first + queued + marks.running * (last - begun)).ljust(strip)


def _block_words(block: Block) -> str:
    if block.started is None:
        return f"queued {duration(block.ended - block.submitted)}"
    return f"queued {duration(block.started - block.submitted)}"


def _cells(
    cells: list[Share], row: Row, picture: Timeline, letters: dict[str, str], marks: _Marks
) -> Line:
    line: Line = []
    styles = {app: style_of(index) for index, app in enumerate(picture.apps)}
    for cell in cells:
        text, style = _cell(cell, row.workers == 1, styles, letters, marks)
        if line and line[-1][1] == style:
            line[-1] = (line[-1][0] + text, style)
        else:
            line.append((text, style))
    return line


def _cell(
    cell: Share, alone: bool, styles: dict[str, str], letters: dict[str, str], marks: _Marks
) -> tuple[str, str]:
    if cell.ended_badly:
        return marks.failed, "bold red"
    if not cell.apps:
        return " ", ""
    if alone and len(cell.begun) == 1 and cell.begun[0][1] >= 2:
        app = cell.begun[0][0]
        return letters[app], f"{styles[app]} reverse"
    level = min(7, max(0, round(cell.busy * 8) - 1))
    return marks.levels[level], styles[cell.most]


def style_of(index: int) -> str:
    """Return the style of the app at a place in the order of frequency."""
    return STYLES[min(index, len(STYLES) - 1)]


def _legend(picture: Timeline, letters: dict[str, str], marks: _Marks, width: int) -> list[Line]:
    apps: list[Line] = [
        [(letters[app], f"{style_of(index)} reverse"), (f" {app} ({number:,})", "")]
        for index, (app, number) in enumerate(list(picture.apps.items())[:10])
    ]
    if len(picture.apps) > 10:
        apps.append([(f"and {len(picture.apps) - 10} more apps", "")])
    begin = time.strftime("%H:%M:%S", time.localtime(picture.begin))
    words = [
        "height: share of the time busy",
        f"{marks.failed}: failed or lost",
        f"{marks.queued}: block queued",
        f"0 is {begin}",
    ]
    lines = [*_wrapped(apps, width), *_wrapped([[(each, "dim")] for each in words], width)]
    if picture.not_drawn:
        lines.append([(f"  {picture.not_drawn}", "dim")])
    return lines


def _wrapped(pieces: list[Line], width: int) -> list[Line]:
    """Return pieces one behind the other, in as many lines as the width asks for."""
    lines: list[Line] = []
    room = 0
    for piece in pieces:
        needed = sum(len(text) for text, _ in piece) + 3
        if needed > room:
            lines.append([("  ", "")])
            room = width - 2
        else:
            lines[-1].append(("   ", ""))
        lines[-1] += piece
        room -= needed
    return lines
