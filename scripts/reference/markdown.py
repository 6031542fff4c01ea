"""Text that is safe inside a page."""

from __future__ import annotations

import inspect
import re


def plain(text: str | None) -> str:
    """Return help text without rich's marks."""
    return re.sub(r"\[/?(bold|dim|italic)\]", "", inspect.cleandoc(text or "")).replace("\f", "")


def cell(text: str | None) -> str:
    """Return text for a cell of a table."""
    return " ".join((text or "").split()).replace("|", "\\|")
