"""Every ``towline …`` in the pages is a command that exists, with options that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
from reference.command_line import commands

from .markdown import PAGES, ROOT, blocks, prose

NOUNS = commands()
ALWAYS = {"--help", "-h"}


def named_commands() -> Iterator[tuple[str, str]]:
    """Yield (place, command) for blocks of code, and for what stands between backticks."""
    for page in PAGES:
        for block in blocks(page):
            for line in block.text.splitlines():
                if re.match(r"(\$ )?(\S*/)?towline [a-z-]", line) and ": " not in line[:14]:
                    yield str(block), line.removeprefix("$ ")
        for match in re.finditer(r"`(towline [a-z-][^`]*)`", prose(page)):
            yield str(page.relative_to(ROOT)), match[1]


def words_of(command: str) -> list[str]:
    """Return the words of a command, without comments and the marks of optional parts."""
    plain = re.sub(r"\s#.*|[|&;>].*", "", command)
    return shlex.split(re.sub(r"[\[\]…]|\.\.\.", " ", plain))[1:]


def complaint(words: list[str]) -> str:
    """Return what is wrong with a command; empty when nothing is."""
    noun = words[0]
    if noun in ALWAYS or noun == "--version" or noun.isupper():
        return ""
    if noun not in NOUNS:
        return f"no noun {noun}"
    command, rest = NOUNS[noun], words[1:]
    verbs = getattr(command, "commands", {})
    if rest and rest[0] in verbs:
        command, rest = verbs[rest[0]], rest[1:]
    elif noun == "run" and rest and (rest[0] == "SCRIPT" or "." in rest[0] or "/" in rest[0]):
        command = next(verb for verb in verbs.values() if verb.hidden)
    elif rest and verbs and not rest[0].startswith("-") and not rest[0].isupper():
        return f"{noun} has no verb {rest[0]}"
    if getattr(command, "context_settings", {}).get("ignore_unknown_options"):
        return ""  # what follows belongs to another program
    known = {opt for each in command.params for opt in [*each.opts, *each.secondary_opts]}
    given = rest[: rest.index("--")] if "--" in rest else rest
    for word in given:
        option = word.partition("=")[0]
        if option.startswith("-") and option not in known | ALWAYS:
            return f"{noun}: no option {option}"
    return ""


@pytest.mark.parametrize(("place", "command"), sorted(set(named_commands())))
def test_a_command_in_the_pages_exists(place, command):
    assert complaint(words_of(command)) == "", f"{place}: {command}"


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("towline cloud list", "no noun"),
        ("towline run watch 12", "no verb"),
        ("towline cluster add onprem --hots x", "no option"),
        ("towline run script.py --executor f -- --n 3", "no option"),
    ],
)
def test_a_command_that_does_not_exist_is_noticed(command, wrong):
    assert wrong in complaint(words_of(command))
