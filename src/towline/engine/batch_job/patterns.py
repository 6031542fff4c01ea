"""Patterns of output files: ``results/*.csv``, ``**/*.png``, ``frames/``; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from towline.errors import DefinitionError

_PIECE = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]/]*\]|[^*?\[]+|\[")


def check_pattern(pattern: str) -> None:
    """Raise when a pattern cannot name files of the working folder.

    Raises:
        DefinitionError: it is empty, absolute, leads out of the folder, or is not one line.

    """
    if not pattern or pattern.startswith(("/", "~")) or ".." in pattern.split("/"):
        raise DefinitionError(
            f"outputs: {pattern!r}",
            "must name files below the working folder",
            "write a path such as results/*.csv",
        )
    if set(pattern) & set("\n\r\0"):
        raise DefinitionError(f"outputs: {pattern!r}", "must be one line")


def chosen(paths: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """Return the paths that a pattern names, in their order.

    ``*`` and ``?`` stay within a folder, ``**`` does not; what names a folder names all below it.

    Args:
        paths: relative to the working folder, with ``/``.
        patterns: none means all.

    """
    if not patterns:
        return list(paths)
    wanted = re.compile("|".join(f"(?:{_expression(pattern)})" for pattern in patterns))
    return [path for path in paths if wanted.fullmatch(path)]


def unmatched(paths: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return the patterns that name none of the paths."""
    return [pattern for pattern in patterns if not chosen(paths, [pattern])]


def _expression(pattern: str) -> str:
    # `**/**/` means no more than one of them, and would make the expression slow.
    body = re.sub(r"(?:\*\*/)+", "**/", pattern.removeprefix("./").rstrip("/"))
    pieces = "".join(_translated(piece) for piece in _PIECE.findall(body))
    return f"{pieces}(?:/.*)?"


def _translated(piece: str) -> str:
    if piece == "**/":
        return "(?:.*/)?"
    if piece == "**":
        return ".*"
    if piece == "*":
        return "[^/]*"
    if piece == "?":
        return "[^/]"
    if piece.startswith("[") and piece.endswith("]") and len(piece) > 2:
        negated = piece[1] == "!"
        inside = piece[2 if negated else 1 : -1].replace("\\", "\\\\").replace("[", "\\[")
        inside = ("\\" + inside) if inside.startswith(("^", "]")) else inside
        expression = f"[{'^/' if negated else ''}{inside}]"
        try:
            re.compile(expression)
        except re.error:  # `[z-a]`: names nothing but itself, as in a shell
            return re.escape(piece)
        return expression
    return re.escape(piece)
