"""The command of a workflow with its inputs as ``--name value`` behind its words; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from towline.errors import InputProblem, InputsWrong
from towline.workflows.definition import WorkflowDefinition
from towline.workflows.fields import BooleanField, Fields, GroupField, InputField, SecretField

LONGEST_ARGUMENT = 100_000
"""Bytes of one argument; Linux takes 131,072."""

MOST_ARGUMENTS = 1_000_000
"""Bytes of all arguments together; Linux takes 2 MiB with the environment."""

_NUMBER = re.compile(r"-(\d+(\.\d*)?|\.\d+)")


def command_of(definition: WorkflowDefinition, values: Mapping[str, Any]) -> list[str]:
    """Return the words of the command; no shell reads them, and none is changed.

    Args:
        definition: whose command.
        values: checked, without secrets.

    Raises:
        InputsWrong: a value is too long for an argument.

    """
    words = list(definition.run)
    if not definition.arguments:
        return words
    problems: list[InputProblem] = []
    for path, option, text in _options(definition.inputs, values, ()):
        if len(text.encode()) > LONGEST_ARGUMENT:
            limit = f"{LONGEST_ARGUMENT} bytes"
            message = f"is too long for an argument ({limit}); workflow.yaml: argument: false"
            problems.append(InputProblem(path, message))
        words += _two_words(option, text)
    if sum(len(word.encode()) for word in words) > MOST_ARGUMENTS:
        message = f"are too long for a command ({MOST_ARGUMENTS} bytes together)"
        problems.append(InputProblem((), f"the inputs {message}"))
    if problems:
        raise InputsWrong("inputs", problems)
    return words


def _options(
    fields: Fields, values: Mapping[str, Any], around: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield path, option and text of every input that has a value, in the form's order."""
    for name, field in fields.items():
        value, path = values.get(name), (*around, name)
        if value is None or isinstance(field, SecretField) or field.argument is False:
            continue
        if isinstance(field, GroupField) and field.argument is None:
            yield from _options(field.inputs, value, path)
            continue
        yield path, field.argument or f"--{'.'.join(path)}", _text(field, value)


def _text(field: InputField, value: Any) -> str:
    if isinstance(field, BooleanField):
        return field.true_value if value else field.false_value
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _two_words(option: str, text: str) -> list[str]:
    """Return option and value; as one word where the value would be read as an option."""
    if text.startswith("-") and not _NUMBER.fullmatch(text):
        return [f"{option}={text}"] if option.startswith("--") else [f"{option}{text}"]
    return [option, text]
