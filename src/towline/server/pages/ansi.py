"""What programs write for terminals, as HTML: colours by class, everything else as plain text.

Only the sixteen colours that the style sheet has: each is legible on light and on dark. Others
become the nearest of them. What moves the cursor is left out; a carriage return begins a line
anew, as progress bars want it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from html import escape

_SEQUENCE = re.compile(
    r"\x1b\[([0-9;:]*)m"  # colours and weights
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # other control sequences
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # titles, links and other strings
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
_CELLS = (0, 95, 135, 175, 215, 255)
_BASIC = (
    *((0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0)),
    *((0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229)),
    *((127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0)),
    *((92, 92, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255)),
)


@dataclass(frozen=True)
class Style:
    """How what follows is written; colours are 0..15, None: the page's own."""

    front: int | None = None
    back: int | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    strike: bool = False
    inverse: bool = False

    def classes(self) -> str:
        """Return the classes of a piece of text."""
        front, back = self.front, self.back
        if self.inverse:
            front, back = back, front if front is not None else 7
        found = [f"ansi-{n}" for n in _WEIGHTS if getattr(self, n)]
        if front is not None and back is None:
            found.append(f"f{front}")
        if back is not None:  # coloured grounds are pale: the page's own ink is legible on all
            found.append(f"b{back}")
        return " ".join(found)

    def as_text(self) -> str:
        """Return it as a sequence's numbers, by which a reader goes on later."""
        codes = [code for name, code in _ON.items() if getattr(self, name)]
        codes += [] if self.front is None else [f"38;5;{self.front}"]
        codes += [] if self.back is None else [f"48;5;{self.back}"]
        return ";".join(codes)

    @classmethod
    def from_text(cls, text: str) -> Style:
        """Return what `as_text` has written; anything else is read as far as it can be."""
        return _apply(cls(), text[:100]) if text else cls()


_WEIGHTS = ("bold", "dim", "italic", "underline", "strike")
_ON = {"bold": "1", "dim": "2", "italic": "3", "underline": "4", "inverse": "7", "strike": "9"}
_SET = {int(code): name for name, code in _ON.items()}
_UNSET = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("inverse",)}
_UNSET[29] = ("strike",)


def lines_html(text: str, style: Style) -> tuple[str, Style]:
    """Return lines of a log as HTML, an element a line, and the style that holds behind them."""
    found = []
    for line in text.split("\n"):
        html, style = _line(line, style)
        found.append(f"<div>{html}</div>")
    return "".join(found), style


def plain(text: str) -> str:
    """Return a text without what is meant for terminals."""
    return _SEQUENCE.sub("", text)


def _line(line: str, style: Style) -> tuple[str, Style]:
    line = line.rstrip("\r")
    pieces: list[str] = []
    for part in line.split("\r"):  # each begins the line anew
        pieces.clear()
        at = 0
        for match in _SEQUENCE.finditer(part):
            _write(pieces, part[at : match.start()], style)
            if match[1] is not None:
                style = _apply(style, match[1])
            at = match.end()
        _write(pieces, part[at:], style)
    return "".join(pieces), style


def _write(pieces: list[str], text: str, style: Style) -> None:
    if text:
        classes, inside = style.classes(), escape(text)
        pieces.append(f'<span class="{classes}">{inside}</span>' if classes else inside)


def _apply(style: Style, codes: str) -> Style:
    numbers = [min(int(code), 999) if code else 0 for code in re.split("[;:]", codes[:200])]
    at = 0
    while at < len(numbers):
        code = numbers[at]
        at += 1
        if code == 0:
            style = Style()
        elif code in _SET:
            style = replace(style, **{_SET[code]: True})
        elif code in _UNSET:
            style = replace(style, **dict.fromkeys(_UNSET[code], False))
        elif code in (38, 48):
            colour, at = _wide(numbers, at)
            front, back = (colour, style.back) if code == 38 else (style.front, colour)
            style = replace(style, front=front, back=back)
        elif code == 39 or 30 <= code <= 37 or 90 <= code <= 97:
            style = replace(style, front=_narrow(code, 30, 90))
        elif code == 49 or 40 <= code <= 47 or 100 <= code <= 107:
            style = replace(style, back=_narrow(code, 40, 100))
    return style


def _narrow(code: int, base: int, bright: int) -> int | None:
    if code >= bright:
        return code - bright + 8
    return code - base if code < base + 8 else None


def _wide(numbers: list[int], at: int) -> tuple[int | None, int]:
    """Read a colour of 256 or of 16 million; return the nearest that there is, and the place."""
    kind = numbers[at] if at < len(numbers) else 0
    if kind == 5 and at + 1 < len(numbers):
        index = min(numbers[at + 1], 255)
        return (index if index < 16 else _nearest(_of_256(index))), at + 2
    if kind == 2 and at + 3 < len(numbers):
        red, green, blue = (min(n, 255) for n in numbers[at + 1 : at + 4])
        return _nearest((red, green, blue)), at + 4
    return None, len(numbers)


def _of_256(index: int) -> tuple[int, int, int]:
    if index >= 232:
        grey = 8 + 10 * (index - 232)
        return grey, grey, grey
    index -= 16
    return _CELLS[index // 36], _CELLS[index // 6 % 6], _CELLS[index % 6]


def _nearest(colour: tuple[int, int, int]) -> int:
    def distance(index: int) -> int:
        return sum((a - b) ** 2 for a, b in zip(colour, _BASIC[index], strict=True))

    return min(range(16), key=distance)
