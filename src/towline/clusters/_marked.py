"""Answers of our scripts: ``@@name=value`` lines among whatever else a log-in prints."""

from __future__ import annotations

from collections import defaultdict

Answer = dict[str, list[str]]


def marked_lines(text: str) -> Answer:
    """Return the values of each name, in order; asking for another name gives an empty list."""
    answer: Answer = defaultdict(list)
    for line in text.splitlines():
        # A prompt or message without a line end may stand in front of the mark.
        _, mark, marked = line.partition("@@")
        name, equals, value = marked.partition("=")
        if mark and equals:
            answer[name].append(value)
    return answer


def first(answer: Answer, name: str) -> str:
    """Return a name's first value, or nothing."""
    return answer[name][0] if name in answer else ""


def number(answer: Answer, name: str) -> int:
    """Return a name's first value as a number, or -1."""
    text = first(answer, name)
    return int(text) if text.isdigit() else -1
