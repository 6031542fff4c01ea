"""A stand-in for the terminal that a person looks at."""

from __future__ import annotations

import io
import re


class FakeTerminal(io.StringIO):
    """A stream that says it is a terminal, and keeps what was written."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Return what the terminal can show."""
        return self._encoding

    def isatty(self) -> bool:
        """Say yes."""
        return True

    def lines(self) -> list[str]:
        """Return what stands there without colours and trailing blanks."""
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())
        return [line.rstrip() for line in plain.splitlines()]
