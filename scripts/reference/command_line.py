"""Every noun and verb of the command line, from the typer applications themselves."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer

from reference.markdown import cell, plain
from towline.cli._server import add_server_option
from towline.cli.main import NOUNS


def command_line() -> str:
    """Return every noun and verb with arguments, options and examples."""
    return "\n".join(line for noun in NOUNS for line in _noun(noun))


def commands() -> dict[str, Any]:
    """Return each noun's command, by its name."""
    found = {}
    for noun in NOUNS:
        found[noun] = typer.main.get_command(importlib.import_module(f"towline.cli.{noun}").app)
        add_server_option(found[noun])
    return found


def _noun(noun: str) -> Iterator[str]:
    group = commands()[noun]
    yield from [f"## towline {noun}", "", plain(group.help), ""]
    verbs = getattr(group, "commands", {})
    for verb in verbs.values():
        if verb.hidden:  # `run SCRIPT`: the noun itself takes a script
            yield from _command(f"towline {noun}", verb, heading=f"### towline {noun} SCRIPT")
    if not verbs:
        yield from _command(f"towline {noun}", group, heading="")
    for name, verb in verbs.items():
        if not verb.hidden:
            words = f"towline {noun} {name}"
            yield from _command(words, verb, heading=f"### {words}")


def _command(words: str, command: Any, heading: str) -> Iterator[str]:
    own = [each for each in command.params if "--help" not in each.opts]
    arguments = [each for each in own if each.param_type_name == "argument"]
    options = [each for each in own if each.param_type_name == "option" and not each.hidden]
    if heading:
        yield from [heading, "", plain(command.help), ""]
    usage = [_argument(each) for each in arguments]
    if options:  # what stands behind -- comes last
        usage.insert(len(usage) - any(each.startswith("[--") for each in usage), "[OPTIONS]")
    yield from ["```text", " ".join([words, *usage]), "```", ""]
    rows = [(f"`{_argument(each)}`", each) for each in arguments if each.help]
    rows += [(f"`{_option(each)}`", each) for each in options]
    if rows:
        yield from ["| | |", "| --- | --- |"]
        yield from (f"| {cell(names)} | {cell(_explained(each))} |" for names, each in rows)
        yield ""
    yield from _epilog(command.epilog or "")


def _argument(parameter: Any) -> str:
    name = str(parameter.metavar or parameter.name.upper())
    return name if parameter.required or name.startswith("[") else f"[{name}]"


def _option(parameter: Any) -> str:
    names = " / ".join([", ".join(sorted(parameter.opts, key=len)), *parameter.secondary_opts])
    return names if parameter.is_flag else f"{names} {parameter.metavar or _placeholder(parameter)}"


def _placeholder(parameter: Any) -> str:
    """Return what stands for an option's value."""
    kinds = set(_types(parameter))
    if _choices(parameter):
        return str(parameter.name).upper()
    if kinds & {int, float}:
        return "NUMBER"
    return "PATH" if Path in kinds else "TEXT"


def _types(parameter: Any) -> list[Any]:
    """Return the types of a parameter, whichever way this version of typer keeps them."""
    kept = getattr(parameter, "type_descriptor", None) or getattr(parameter, "type", None)
    return list(_simple_types(getattr(kept, "annotation", None)))


def _simple_types(annotation: Any) -> Iterator[Any]:
    """Yield the types that lists, alternatives and annotations are made of."""
    if get_origin(annotation) in (None, Literal):
        yield annotation
    else:
        for part in get_args(annotation):
            yield from _simple_types(part)


def _choices(parameter: Any) -> list[str]:
    for kind in _types(parameter):
        if get_origin(kind) is Literal:
            return [str(each) for each in get_args(kind)]
        if inspect.isclass(kind) and issubclass(kind, Enum):
            return [str(each.value) for each in kind]
    return []


def _explained(parameter: Any) -> str:
    text, default = plain(parameter.help), parameter.default
    if choices := _choices(parameter):
        text += f" One of {', '.join(f'`{each}`' for each in choices)}."
    if isinstance(default, bool) or default in (None, (), [], "") or callable(default):
        return text
    return f"{text} Default: `{getattr(default, 'value', default)}`."


def _epilog(text: str) -> Iterator[str]:
    """Yield what stands below a command's help: prose, and examples as a block of code."""
    prose, _, examples = re.sub(r"\s*\n\s*", " ", text).partition("Example")
    if prose.strip():
        yield from [plain(prose.strip()), ""]
    if examples:
        found = re.split(r";  |\s{3,}", examples.removeprefix("s").lstrip(": "))
        yield from ["```console", *(f"$ {each.strip()}" for each in found), "```", ""]
