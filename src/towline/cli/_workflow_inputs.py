"""Inputs of ``towline workflow run``: words, files, secrets that are asked for."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from towline.errors import DefinitionError, InputsWrong
from towline.workflows import Installed, SecretField, WorkflowDefinition, check_inputs
from towline.workflows.consistency import flat
from towline.workflows.presets import Presets, with_preset
from towline.workflows.words import values_of_words

_MOST_SECRET_BYTES = 64_000


def read_inputs(
    workflow: Installed,
    words: Sequence[str],
    secret_files: Sequence[str],
    preset: str | None = None,
) -> dict[str, Any]:
    """Return the inputs of a run, not yet checked.

    Secrets come from ``NAME=FILE`` words, from ``TOWLINE_SECRET_<NAME>``, and, where a terminal is
    there, from a question. No word of a command line holds one.

    Raises:
        DefinitionError: a word or a file cannot be read.

    """
    definition = workflow.definition
    values = values_of_words(definition, words)
    for name, secret in _secrets(definition, secret_files).items():
        _put(values, name, secret)
    while sys.stdin.isatty() and (missing := _next_secret(workflow, values, preset)):
        _put(values, missing, getpass.getpass(f"{missing}: "))
    return values


def _secrets(definition: WorkflowDefinition, files: Sequence[str]) -> dict[str, str]:
    names = [name for name, field in flat(definition.inputs) if isinstance(field, SecretField)]
    found: dict[str, str] = {}
    for name in names:
        variable = f"TOWLINE_SECRET_{name.upper().replace('.', '_').replace('-', '_')}"
        if variable in os.environ:
            found[name] = os.environ[variable]
    for word in files:
        name, equals, path = word.partition("=")
        if not equals or name not in names:
            known = ", ".join(names) or "none"
            raise DefinitionError(
                f"--secret-file {name}",
                f"is not NAME=FILE with a secret of this workflow (there are: {known})",
            )
        found[name] = _read(Path(path).expanduser())
    return found


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_SECRET_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is no text"
        raise DefinitionError(f"--secret-file {path}", f"cannot be read: {cause}") from None
    return text.removesuffix("\n").removesuffix("\r")


def _next_secret(workflow: Installed, values: Mapping[str, Any], preset: str | None) -> str | None:
    """Return the first secret that is missing in a form that else is right."""
    definition = workflow.definition
    try:
        kept = Presets().of(workflow.name)
        check_inputs(definition, with_preset(definition, preset, values, kept))
    except InputsWrong as wrong:
        fields = dict(flat(definition.inputs))
        for problem in wrong.problems:
            name = ".".join(map(str, problem.path))
            if not isinstance(fields.get(name), SecretField) or "needed" not in problem.message:
                return None  # say what is wrong before anything is asked
        return ".".join(map(str, wrong.problems[0].path))
    return None


def _put(values: dict[str, Any], name: str, value: str) -> None:
    *groups, last = name.split(".")
    for group in groups:
        inner = values.setdefault(group, {})
        values = inner if isinstance(inner, dict) else {}
    values[last] = value
