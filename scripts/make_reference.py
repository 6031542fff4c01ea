"""Write the generated parts of docs/: executor keys, command line, errors; each from the code.

A generated part of a page lies between ``<!-- generated: NAME -->`` and ``<!-- end: NAME -->``;
the rest of the page is written by hand.

    .venv/bin/python scripts/make_reference.py           write
    .venv/bin/python scripts/make_reference.py --check   fail when a page is out of date
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import typer

from towline import errors
from towline.cli.main import NOUNS
from towline.engine.definitions import ExecutorDefinition
from towline.engine.talk_keys import IGNORED_TALK_KEYS, TALK_KEYS

DOCS = Path(__file__).parent.parent / "docs"

KEY_GROUPS = {
    "Where the workers run": "cluster provider partition account qos constraint reservation",
    "What a block is": "nodes walltime exclusive cores_per_node mem_per_node gpus_per_node gres "
    "scheduler_options",
    "Workers on a node": "tasks_per_node cores_per_worker mem_per_worker accelerators prefetch",
    "How many blocks": "init_blocks min_blocks max_blocks parallelism",
    "Environment": "environment packages exclude python prefix conda_env conda_dir modules "
    "env_root preflight install_conda local_conda_yaml",
    "Around the worker": "run_dir worker_init heartbeat_threshold",
}
"""Every key of an executor definition, in the order of the page."""


def pages() -> dict[Path, str]:
    """Return every page that has generated parts, as it should be."""
    found: dict[Path, str] = {}
    for page, parts in PARTS.items():
        text = (DOCS / page).read_text(encoding="utf-8")
        for name, render in parts.items():
            text = _replaced(page, text, name, render())
        found[DOCS / page] = text
    return found


def _replaced(page: str, text: str, name: str, content: str) -> str:
    start, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    if text.count(start) != 1 or text.count(end) != 1:
        raise SystemExit(f"{page} needs one {start} and one {end}")
    before, _, rest = text.partition(start)
    return f"{before}{start}\n\n{content.strip()}\n\n{end}{rest.partition(end)[2]}"


# -- executor definitions ------------------------------------------------------------------------


def executor_keys() -> str:
    """Return a table of keys for each group."""
    grouped = [key for keys in KEY_GROUPS.values() for key in keys.split()]
    fields = ExecutorDefinition.model_fields
    if sorted(grouped) != sorted(fields):
        raise SystemExit(f"KEY_GROUPS and the model differ in {set(grouped) ^ set(fields)}")
    lines = []
    for title, keys in KEY_GROUPS.items():
        lines += [f"### {title}", "", "| key | value | default | meaning |", "| --- | --- | --- | --- |"]
        for key in keys.split():
            field = fields[key]
            lines.append(
                f"| `{key}` | {_bounded(field)} | {_default(field)} | {_cell(field.description)} |"
            )
        lines.append("")
    return "\n".join(lines)


def _bounded(field: Any) -> str:
    limits = []
    for rule in field.metadata:
        limits += [f"{sign} {getattr(rule, name)}" for name, sign in SIGNS.items() if hasattr(rule, name)]
    return ", ".join([_value(field.annotation), *limits])


SIGNS = {"gt": "over", "ge": "at least", "lt": "under", "le": "at most"}
WORDS = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`"}


def _value(annotation: Any) -> str:
    arguments = [each for each in get_args(annotation) if each is not type(None)]
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(_value(each) for each in arguments)
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    if get_origin(annotation) is tuple:
        return "list of text"
    if hasattr(annotation, "__metadata__"):
        return _value(arguments[0])
    return WORDS[annotation]


def _default(field: Any) -> str:
    if field.is_required():
        return "needed"
    if field.default in (None, ()):
        return ""
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def talk_keys() -> str:
    """Return a table of the talk's keys and ours."""
    rows = [f"| `{theirs}` | `{ours}` |" for theirs, ours in TALK_KEYS.items()]
    return "\n".join(["| key of 2022 | key here |", "| --- | --- |", *rows])


def ignored_keys() -> str:
    """Return a table of the talk's keys that have no effect."""
    rows = [f"| `{key}` | {_cell(why)} |" for key, why in IGNORED_TALK_KEYS.items()]
    return "\n".join(["| key | because |", "| --- | --- |", *rows])


# -- command line --------------------------------------------------------------------------------


def command_line() -> str:
    """Return every noun and verb with arguments, options and examples."""
    return "\n".join(line for noun in NOUNS for line in _noun(noun))


def commands() -> dict[str, Any]:
    """Return each noun's command, by its name."""
    return {
        noun: typer.main.get_command(importlib.import_module(f"towline.cli.{noun}").app)
        for noun in NOUNS
    }


def _noun(noun: str) -> Iterator[str]:
    group = commands()[noun]
    yield from [f"## towline {noun}", "", _plain(group.help), ""]
    verbs = getattr(group, "commands", {})
    for name, verb in verbs.items():
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
        yield from [heading, "", _plain(command.help), ""]
    usage = [words, *(_argument(each) for each in arguments)]
    if options:
        usage.append("[OPTIONS]")
    yield from ["```text", " ".join(usage), "```", ""]
    rows = [(f"`{_argument(each)}`", each) for each in arguments if each.help]
    rows += [(f"`{_option(each)}`", each) for each in options]
    if rows:
        yield from ["| | |", "| --- | --- |"]
        yield from (f"| {_cell(names)} | {_cell(_explained(each))} |" for names, each in rows)
        yield ""
    yield from _epilog(command.epilog or "")


def _argument(parameter: Any) -> str:
    name = str(parameter.metavar or parameter.name.upper())
    return name if parameter.required or name.startswith("[") else f"[{name}]"


def _option(parameter: Any) -> str:
    names = ", ".join(sorted(parameter.opts, key=len) + parameter.secondary_opts)
    return names if parameter.is_flag else f"{names} {parameter.metavar or _placeholder(parameter)}"


def _placeholder(parameter: Any) -> str:
    return "|".join(map(str, getattr(parameter.type, "choices", ()))) or "…"


def _explained(parameter: Any) -> str:
    text, default = _plain(parameter.help), parameter.default
    if isinstance(default, bool) or default in (None, (), [], "") or callable(default):
        return text
    return f"{text} Default: `{getattr(default, 'value', default)}`."


def _epilog(text: str) -> Iterator[str]:
    """Yield what stands below a command's help: prose, and examples as a block of code."""
    prose, _, examples = re.sub(r"\s*\n\s*", " ", text).partition("Example")
    if prose.strip():
        yield from [_plain(prose.strip()), ""]
    if examples:
        found = re.split(r";  |\s{3,}", examples.removeprefix("s").lstrip(": "))
        yield from ["```console", *(f"$ {each.strip()}" for each in found), "```", ""]


# -- errors ----------------------------------------------------------------------------------------


def error_tree() -> str:
    """Return the drawing at the top of errors.py."""
    drawing = inspect.getdoc(errors).partition("::\n")[2].partition("\n\nA user's script")[0]  # type: ignore[union-attr]
    return f"```text\n{inspect.cleandoc(drawing)}\n```"


def error_classes() -> str:
    """Return a table of all errors: name, exit code, meaning."""
    rows = [
        f"| `{name}` | {kind.exit_code} | {_cell(inspect.getdoc(kind).splitlines()[0])} |"  # type: ignore[union-attr]
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, errors.TowlineError) and kind is not errors.TowlineError
    ]
    return "\n".join(["| error | exit code | meaning |", "| --- | --- | --- |", *rows])


# -- all of it ---------------------------------------------------------------------------------


def _plain(text: str | None) -> str:
    return re.sub(r"\[/?(bold|dim|italic)\]", "", inspect.cleandoc(text or "")).replace("\f", "")


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


PARTS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "executors.md": {
        "executor keys": executor_keys,
        "keys of 2022": talk_keys,
        "ignored keys": ignored_keys,
    },
    "cli.md": {"command line": command_line},
    "errors.md": {"error tree": error_tree, "error classes": error_classes},
}


def main() -> None:
    """Write the pages, or with --check say which are out of date."""
    stale = [path for path, text in pages().items() if path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv:
        if stale:
            names = ", ".join(path.name for path in stale)
            sys.exit(f"out of date: {names}. next: .venv/bin/python scripts/make_reference.py")
        return
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    print(f"wrote {len(stale)} of {len(PARTS)} pages; the others were current")


if __name__ == "__main__":
    main()
