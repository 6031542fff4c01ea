"""The timeline of a run as an SVG picture, for light and dark pages."""

from __future__ import annotations

import time
from html import escape

from towline.runs.render import clock, duration
from towline.runs.tasks.shares import shares
from towline.runs.tasks.timeline import Bar, Block, By, Group, Row, Timeline, steps
from towline.runs.tasks.words import memory, short_time

COLOURS = (
    ("#0b6bcb", "#58a6ff"),
    ("#c2570c", "#f0883e"),
    ("#1a7f4b", "#3fb950"),
    ("#8250df", "#bc8cff"),
    ("#bf3989", "#f778ba"),
    ("#0e7c86", "#39c5cf"),
    ("#8a6116", "#d4a72c"),
    ("#57606a", "#8b949e"),
)
"""Of the most frequent apps, on light and on dark, 3:1 to the ground; the others share the last."""

MOST_WITH_WORDS = 3000
"""Bars that each get an element of their own with words for the pointer."""

LEFT, STRIP, RIGHT, MARGIN, HEADING = 190, 880, 110, 16, 24
WIDTH = LEFT + STRIP + RIGHT + MARGIN
LEAST_BAR = 3.0
"""Pixels of a typical bar below which a row shows shares of time in place of bars."""


def timeline_svg(picture: Timeline, title: str, now: float | None = None) -> str:
    """Return a picture as a whole SVG document.

    Args:
        picture: of a run.
        title: of the picture, such as ``Run 12: multi.py``.
        now: to which times in words refer; default: the present.

    """
    drawing = _Drawing(picture)
    y = 64.0 + 20 * _legend_lines(picture)
    for group in picture.groups:
        y = drawing.group(group, y)
    if not picture.groups:
        drawing.text(MARGIN, y + 16, "nothing to draw yet")
        y += 32
    drawing.axis(58.0 + 20 * _legend_lines(picture), y)
    height = round(y + 16 + (18 if picture.unplaced else 0))
    drawing.head(title, height, clock(picture.begin, time.time() if now is None else now))
    words = description(picture)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-labelledby="title desc">\n'
        f'<title id="title">{escape(title)}</title>\n<desc id="desc">{escape(words)}</desc>\n'
        f"<style>{_style()}</style>\n{_HATCH}"
        f'<rect class="ground" width="{WIDTH}" height="{height}"/>\n'
        + "\n".join([*drawing.below, *drawing.parts])
        + "\n</svg>\n"
    )


def description(picture: Timeline) -> str:
    """Return in words what the picture shows."""
    number = sum(len(row.bars) for row in picture.rows)
    bad = sum(bar.bad for row in picture.rows for bar in row.bars)
    workers = sum(row.workers for row in picture.rows)
    words = [
        f"{_count(number, 'try', 'tries')} of {_count(len(picture.apps), 'app')} on "
        f"{_count(workers, 'worker')} of {_count(len(picture.groups), 'cluster')} "
        f"in {duration(picture.seconds)}"
    ]
    if bad:
        words.append(f"{bad:,} failed or lost")
    for group in picture.groups:
        busy = sum(row.busy for row in group.rows)
        spent = picture.seconds * sum(row.workers for row in group.rows)
        if spent:
            words.append(f"{group.cluster or 'elsewhere'}: workers busy {100 * busy / spent:.0f} %")
    return "; ".join(words) + "."


def _count(number: int, name: str, names: str = "") -> str:
    return f"{number:,} {name if number == 1 else names or name + 's'}"


class _Drawing:
    """Collects the elements of a picture."""

    def __init__(self, picture: Timeline) -> None:
        self.picture = picture
        self.parts: list[str] = []
        self.below: list[str] = []
        self.classes = {app: f"a{min(i, 7)}" for i, app in enumerate(picture.apps)}
        number = len(picture.rows)
        self.row_height = 18.0 if number <= 40 else 13.0 if number <= 80 else 8.0
        self.words = sum(len(row.bars) for row in picture.rows) <= MOST_WITH_WORDS

    def x(self, moment: float) -> float:
        """Return the place of a moment."""
        share = (moment - self.picture.begin) / self.picture.seconds
        return LEFT + STRIP * min(1.0, max(0.0, share))

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "") -> None:
        """Write words."""
        attributes = f' class="{kind}"' if kind else ""
        attributes += f' text-anchor="{anchor}"' if anchor else ""
        self.parts.append(f'<text x="{x:g}" y="{y:g}"{attributes}>{escape(words)}</text>')

    def head(self, title: str, height: int, begin: str) -> None:
        """Write title, legend and last line."""
        picture = self.picture
        self.text(MARGIN, 24, title, "title")
        self.text(WIDTH - MARGIN, 24, f"from {begin}, {duration(picture.seconds)}", "dim", "end")
        x, y = float(MARGIN), 48.0
        for words, kind in _legend(picture, self.classes):
            wide = 26 + 6.6 * len(words)
            if x > MARGIN and x + wide > WIDTH - MARGIN:
                x, y = float(MARGIN), y + 20
            self.parts.append(
                f'<rect class="{kind}" x="{x:g}" y="{y - 9:g}" width="12" height="10"/>'
            )
            self.text(x + 17, y, words)
            x += wide
        if picture.unplaced:
            self.text(MARGIN, height - 12, picture.not_drawn, "dim")

    def axis(self, top: float, bottom: float) -> None:
        """Draw round moments, and a line down from each, below all else."""
        if self.picture.groups:
            self.text(LEFT + STRIP + 8, top, "tries · busy", "dim")
        for moment in steps(self.picture.seconds, 9):
            x = self.x(self.picture.begin + moment)
            self.below.append(f'<path class="grid" d="M{x:.1f} {top + 6:g}V{bottom:g}"/>')
            words = short_time(moment) if moment else "0"
            self.text(x, top, words, "dim", "middle" if moment else "start")

    def group(self, group: Group, y: float) -> float:
        """Draw a cluster; return the place below it."""
        y += HEADING
        self.text(MARGIN, y - 6, group.cluster or "elsewhere", "cluster")
        blocks = group.blocks[-12:]
        for block in blocks:
            self.block(block, y)
            y += 14
        y += 4 if blocks else 0
        for row in group.rows:
            self.row(row, y)
            y += self.row_height
        return y + 6

    def block(self, block: Block, y: float) -> None:
        """Draw a batch job: how long it was queued, how long it ran."""
        self.text(LEFT - 10, y + 10, block.label, "dim", "end")
        begun = block.started if block.started is not None else block.ended
        waited = f"{block.label} queued {duration(begun - block.submitted)}"
        for kind, start, end, words in (
            ("queued", block.submitted, begun, " ".join([waited, block.reason]).strip()),
            ("ran", begun, block.ended, f"{block.label} ran {duration(block.ended - begun)}"),
        ):
            if end > start:
                self._rect(kind, start, end, y + 3.5, 6, words)
        self.text(LEFT + STRIP + 8, y + 10, f"queued {duration(begun - block.submitted)}", "dim")

    def row(self, row: Row, y: float) -> None:
        """Draw a worker's bars, or how busy several workers were."""
        high = self.row_height - 3
        self.parts.append(
            f'<rect class="track" x="{LEFT}" y="{y:g}" width="{STRIP}" height="{high:g}"/>'
        )
        if self.row_height > 10:
            base = y + high / 2 + 4
            self.text(LEFT - 10, base, _cut(row.label), "" if high > 12 else "small", "end")
            busy = min(100.0, 100 * row.busy / (self.picture.seconds * row.workers))
            words = f"{len(row.bars):,} · {busy:.0f} %"
            self.text(LEFT + STRIP + 8, base, words, "dim")
        typical = sorted(bar.end - bar.start for bar in row.bars)[len(row.bars) // 2]
        if row.workers == 1 and self.words and typical / self.picture.seconds * STRIP >= LEAST_BAR:
            for bar in row.bars:
                self.bar(bar, y, high)
        else:
            self.shares(row, y, high)

    def bar(self, bar: Bar, y: float, high: float) -> None:
        """Draw one try, with words for the pointer."""
        each = bar.each
        number = f" (try {each.number})" if each.number > 1 else ""
        words = [f"{each.app} {each.task}{number}: {each.state.value}"]
        words.append(short_time(bar.end - bar.start))
        words += [f"{each.error}: {each.text}" if each.error else "", memory(each)]
        text = ", ".join(word for word in words if word)
        kind = "bad" if bar.bad else self.classes[each.app]
        self._rect(kind, bar.start, bar.end, y, high, text)

    def _rect(self, kind: str, start: float, end: float, y: float, high: float, words: str) -> None:
        x = self.x(start)
        wide = max(1.0, self.x(end) - x - 0.6)
        self.parts.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{y:g}" width="{wide:.1f}" height="{high:g}">'
            f"<title>{escape(words)}</title></rect>"
        )

    def shares(self, row: Row, y: float, high: float) -> None:
        """Draw how busy a row was, app upon app, and where tries ended badly."""
        number = STRIP // (2 if len(self.picture.rows) <= 40 else 4)
        wide = STRIP / number
        paths: dict[str, list[str]] = {}
        open_runs: dict[str, tuple[float, float, int]] = {}
        marks = []

        def finish(app: str, end: int) -> None:
            bottom, top, first = open_runs.pop(app)
            x, length = LEFT + first * wide, (end - first) * wide
            d = f"M{x:g} {y + high - bottom:.1f}h{length:g}v{bottom - top:.1f}h{-length:g}z"
            paths.setdefault(self.classes[app], []).append(d)

        cells = shares(row, self.picture.begin, self.picture.seconds, number)
        for index, cell in enumerate(cells):
            level, scale = 0.0, min(1.0, 1 / max(sum(cell.apps.values()), 1e-9))
            now = {}
            for app in self.picture.apps:
                if part := cell.apps.get(app):
                    step = max(0.4, round(part * scale * high * 2.5) / 2.5)
                    now[app] = (level, level + step)
                    level += step
            for app in [app for app in open_runs if open_runs[app][:2] != now.get(app)]:
                finish(app, index)
            for app, (bottom, top) in now.items():
                open_runs.setdefault(app, (bottom, top, index))
            if cell.ended_badly:
                marks.append(f"M{LEFT + index * wide:g} {y:g}h{wide:g}v3h{-wide:g}z")
        for app in list(open_runs):
            finish(app, number)
        for kind, ds in paths.items():
            self.parts.append(f'<path class="{kind}" d="{"".join(ds)}"/>')
        if marks:
            self.parts.append(f'<path class="failed" d="{"".join(marks)}"/>')


def _cut(label: str) -> str:
    return label if len(label) <= 26 else f"…{label[-25:]}"


def _legend(picture: Timeline, classes: dict[str, str]) -> list[tuple[str, str]]:
    apps = list(picture.apps.items())
    entries = [(f"{app[:40]} ({number:,})", classes[app]) for app, number in apps[:7]]
    if len(apps) == 8:
        entries.append((f"{apps[7][0][:40]} ({apps[7][1]:,})", "a7"))
    elif len(apps) > 8:
        rest = sum(number for _, number in apps[7:])
        entries.append((f"{len(apps) - 7} other apps ({rest:,})", "a7"))
    entries.append(("failed or lost", "bad"))
    if any(group.blocks for group in picture.groups):
        entries += [("block queued", "queued"), ("block running", "ran")]
    if picture.by is not By.WORKER:
        entries.append((f"a row is a {picture.by.value}: height is the share of workers", "track"))
    return entries


def _legend_lines(picture: Timeline) -> int:
    """Return how many lines the legend takes, as ``head`` breaks it."""
    x, lines = float(MARGIN), 1
    for words, _ in _legend(picture, dict.fromkeys(picture.apps, "")):
        wide = 26 + 6.6 * len(words)
        if x > MARGIN and x + wide > WIDTH - MARGIN:
            x, lines = float(MARGIN), lines + 1
        x += wide
    return lines


_HATCH = (
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect class="failed" width="3" height="6"/></pattern></defs>\n'
)

_LIGHT = {
    "ground": "#ffffff",
    "ink": "#1f2328",
    "dim": "#59636e",
    "grid": "#d1d9e0",
    "track": "#f0f2f5",
    "red": "#cf222e",
}
_DARK = {
    "ground": "#0d1117",
    "ink": "#e6edf3",
    "dim": "#9198a1",
    "grid": "#30363d",
    "track": "#1b2129",
    "red": "#ff7b72",
}


def _style() -> str:
    """Return the style sheet: one set of colours for light pages, one for dark ones."""

    def variables(names: dict[str, str], apps: list[str]) -> str:
        given = {**names, **{f"a{index}": colour for index, colour in enumerate(apps)}}
        return "svg{" + ";".join(f"--{name}:{value}" for name, value in given.items()) + "}"

    light = variables(_LIGHT, [light for light, _ in COLOURS])
    dark = variables(_DARK, [dark for _, dark in COLOURS])
    apps = "".join(f".a{index}{{fill:var(--a{index})}}" for index in range(len(COLOURS)))
    return (
        f"{light}@media(prefers-color-scheme:dark){{{dark}}}"
        "text{font:12px system-ui,sans-serif;fill:var(--ink)}"
        ".title{font-size:16px;font-weight:600}.cluster{font-size:13px;font-weight:600}"
        ".dim{fill:var(--dim);font-size:11px}.small{font-size:11px}.ground{fill:var(--ground)}"
        ".grid{stroke:var(--grid);fill:none}.track{fill:var(--track)}"
        f"{apps}.failed{{fill:var(--red)}}.bad{{fill:url(#hatch);stroke:var(--red);stroke-width:1}}"
        ".queued{fill:var(--grid);stroke:var(--dim);stroke-dasharray:2 2}.ran{fill:var(--dim)}"
    )
