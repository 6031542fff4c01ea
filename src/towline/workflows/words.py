"""Read ``name=value`` words of a command line as values of a form; pure but for ``@file``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from towline.clusters import parse_mapping, suggestion
from towline.errors import DefinitionError, InputProblem, InputsWrong
from towline.workflows.consistency import flat
from towline.workflows.definition import WorkflowDefinition
from towline.workflows.fields import (
    GroupField,
    InputField,
    ListField,
    MultiChoiceField,
    SecretField,
)


def values_of_words(definition: WorkflowDefinition, words: Sequence[str]) -> dict[str, Any]:
    """Return what ``name=value`` words and ``@file`` say, nested by groups.

    A member of a group is ``group.name=value``. Lists and groups are JSON; several values to
    choose are JSON or ``a,b``. ``@file`` is JSON or YAML with any number of inputs; what comes
    later wins. Other values stay text: `check_inputs` reads them.

    Raises:
        InputsWrong: a word names no input, or gives a secret.
        DefinitionError: a word or a file cannot be read.

    """
    values: dict[str, Any] = {}
    for word in words:
        if word.startswith("@"):
            _lay(values, _of_file(definition, Path(word[1:])))
            continue
        name, equals, text = word.partition("=")
        if not equals:
            raise DefinitionError(
                f"--input {word[:60]}", "is not NAME=VALUE", "e.g. --input name=world, or @file"
            )
        _put(values, name, _value(_field(definition, name), name, text))
    return values


def values_of_arguments(definition: WorkflowDefinition, words: Sequence[str]) -> dict[str, Any]:
    """Return what ``--name value`` and ``--name=value`` arguments of a script say.

    Raises:
        InputsWrong: a word is none of them.

    """
    values: dict[str, Any] = {}
    options = {field.argument or f"--{name}": name for name, field in flat(definition.inputs)}
    rest = list(words)
    while rest:
        option, equals, text = rest.pop(0).partition("=")
        name = options.get(option)
        if name is None:
            hint = suggestion(option, [each for each in options if isinstance(each, str)])
            raise InputsWrong("arguments", [InputProblem((), f"{option!r} is no option{hint}")])
        if not equals:
            if not rest:
                raise InputsWrong("arguments", [InputProblem((name,), "has no value")])
            text = rest.pop(0)
        _put(values, name, _value(_field(definition, name), name, text))
    return values


def _field(definition: WorkflowDefinition, name: str) -> InputField:
    known = dict(flat(definition.inputs))
    if name not in known:
        hint = suggestion(name[:100], known) or f" (there are: {', '.join(known) or 'none'})"
        problem = InputProblem((name[:100],), f"is no input of this workflow{hint}")
        raise InputsWrong("--input", [problem])
    return known[name]


def _value(field: InputField, name: str, text: str) -> Any:
    if isinstance(field, SecretField):
        message = (
            "is a secret: on a command line everybody could read it; it is asked for, or give "
            f"--secret-file {name}=FILE"
        )
        raise InputsWrong("--input", [InputProblem((name,), message)])
    if isinstance(field, MultiChoiceField) and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(field, (GroupField, ListField, MultiChoiceField)):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            problem = InputProblem((name,), f"must be JSON: {str(error)[:100]}")
            raise InputsWrong("--input", [problem]) from None
    return text


def _of_file(definition: WorkflowDefinition, path: Path) -> dict[str, Any]:
    try:
        text = path.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is no text"
        raise DefinitionError(f"@{path}", f"cannot be read: {cause}") from error
    return dict(parse_mapping(text, path).values)  # JSON is YAML


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    *groups, last = name.split(".")
    for group in groups:
        inner = values.get(group)
        if not isinstance(inner, dict):
            inner = values[group] = {}
        values = inner
    values[last] = value


def _lay(values: dict[str, Any], above: Mapping[str, Any]) -> None:
    for name, value in above.items():
        under = values.get(name)
        if isinstance(under, dict) and isinstance(value, Mapping):
            _lay(under, value)
        else:
            values[name] = value
