"""Read the user's SSH configuration: which hosts it names, and what ``ssh`` makes of one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from towline.errors import DefinitionError

MAX_INCLUDE_DEPTH = 16
"""OpenSSH's own limit."""


def host_aliases(config: Path) -> dict[str, Path]:
    """Return the names of all ``Host`` lines that are no patterns, and the file each stands in.

    ``Include`` lines are followed as ssh does: relative to ``~/.ssh``, with wildcards.

    Raises:
        DefinitionError: the file cannot be read.

    """
    aliases: dict[str, Path] = {}
    for keyword, words, file in _lines(config, 0):
        if keyword == "host":
            for word in words:
                if not re.search(r"[*?!]", word):
                    aliases.setdefault(word, file)
    return aliases


def _lines(file: Path, depth: int) -> Iterator[tuple[str, list[str], Path]]:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DefinitionError(
            str(file), f"cannot be read: {error.strerror}", "name another file with --ssh-config"
        ) from error
    for line in text.splitlines():
        keyword, words = split_line(line)
        if keyword == "include" and depth < MAX_INCLUDE_DEPTH:
            for included in _included(words):
                yield from _lines(included, depth + 1)
        elif keyword:
            yield keyword, words, file


def split_line(line: str) -> tuple[str, list[str]]:
    """Return a line's keyword in lower case and its words; an empty keyword for a comment.

    >>> split_line('Host = "one" two # three')
    ('host', ['one', 'two'])
    """
    match = re.match(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*)", line)
    if match is None:
        return "", []
    try:
        words = shlex.split(match[2], comments=True)
    except ValueError:  # a quote that is not closed; ssh itself will complain
        words = match[2].split()
    return match[1].lower(), words


def _included(words: list[str]) -> Iterator[Path]:
    for word in words:
        pattern = Path(word).expanduser()
        if not pattern.is_absolute():
            pattern = Path.home() / ".ssh" / pattern
        yield from sorted(
            path for path in Path("/").glob(str(pattern.relative_to("/"))) if path.is_file()
        )


def resolved_options(answer: str) -> dict[str, str]:
    """Read what ``ssh -G`` prints: option in lower case to its (first) value."""
    options: dict[str, str] = {}
    for line in answer.splitlines():
        option, _, value = line.partition(" ")
        options.setdefault(option, value)
    return options
