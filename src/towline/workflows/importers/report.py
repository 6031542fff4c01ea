"""What an import did with each thing that it found, line by line."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass, field
from typing import Any


class Fate(enum.Enum):
    """What became of something."""

    CARRIED = "carried over"
    CHANGED = "changed"
    LEFT_OUT = "left out"


@dataclass(frozen=True)
class ReportLine:
    """One thing of the old files: where it stands, what it is, what became of it, and how.

    ``line`` is None where the file has no lines to speak of.
    """

    file: str
    line: int | None
    fate: Fate
    what: str
    how: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.fate.value}: {self.what}" + (f": {self.how}" if self.how else "")

    def as_dict(self) -> dict[str, Any]:
        """Return the line as JSON has it."""
        return {**asdict(self), "fate": self.fate.value}


@dataclass
class Report:
    """The lines about one file, in the order in which they were found."""

    file: str
    lines: list[ReportLine] = field(default_factory=list)

    def in_order(self) -> list[ReportLine]:
        """Return the lines in the order of the file; those without a number come last."""
        return sorted(self.lines, key=lambda each: (each.line is None, each.line or 0))

    def carried(self, line: int | None, what: str, how: str = "") -> None:
        """Note that something means the same as before."""
        self.lines.append(ReportLine(self.file, line, Fate.CARRIED, what, how))

    def changed(self, line: int | None, what: str, how: str) -> None:
        """Note that something is there, in another way."""
        self.lines.append(ReportLine(self.file, line, Fate.CHANGED, what, how))

    def left_out(self, line: int | None, what: str, how: str) -> None:
        """Note that something is not there any more, and why."""
        self.lines.append(ReportLine(self.file, line, Fate.LEFT_OUT, what, how))
