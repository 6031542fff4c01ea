"""``towline.inputs()``: what the form of a workflow was given, as its script sees it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from towline.errors import DefinitionError
from towline.runs.folder import VARIABLE
from towline.runs.secrets import read_secrets

INPUTS_VARIABLE = "TOWLINE_INPUTS"
"""Path of the JSON file with the inputs."""


class Inputs(Mapping[str, Any]):
    """The inputs of a run: ``inputs["name"]`` or ``inputs.name``; groups are the same inside.

    Typed as the form says. An optional field that was left empty is None; one that was not shown
    is not there. Its text shows no secret.
    """

    def __init__(self, values: Mapping[str, Any], secrets: Mapping[str, Any] | None = None) -> None:
        secrets = secrets or {}
        self._values: dict[str, Any] = {}
        self._hidden = frozenset(k for k, v in secrets.items() if not isinstance(v, Mapping))
        for name in [*values, *(name for name in secrets if name not in values)]:
            self._values[name] = _wrapped(values.get(name), secrets.get(name))

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        for spelling in (name, name.replace("_", "-")):
            if spelling in self._values:
                return self._values[spelling]
        known = ", ".join(self._values) or "none"
        raise AttributeError(f"no input is called {name!r} (there are: {known})")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        shown = {k: "…" if k in self._hidden else v for k, v in self._values.items()}
        return f"Inputs({shown})"


def inputs() -> Inputs:
    """Return what the form of this run's workflow was given, its secrets included.

    In a script that no workflow started, but that lies beside a ``workflow.yaml``: the defaults,
    and ``--name value`` of its own command line.

    Raises:
        InputsWrong: no workflow started the script, and its arguments do not fit the form.
        DefinitionError: there is neither a run with inputs nor a ``workflow.yaml``.

    """
    file = _inputs_file()
    if file is None:
        return _of_command_line()
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DefinitionError(str(file), f"the inputs cannot be read: {error}") from error
    return Inputs(values, read_secrets())


def _inputs_file() -> Path | None:
    if path := os.environ.get(INPUTS_VARIABLE):
        return Path(path)
    run = os.environ.get(VARIABLE)
    file = Path(run) / "inputs.json" if run else None
    return file if file is not None and file.is_file() else None


def _of_command_line() -> Inputs:
    from towline.workflows import FILE, check_inputs, load_definition
    from towline.workflows.words import values_of_arguments

    main = getattr(sys.modules.get("__main__"), "__file__", None)
    folder = Path(main).absolute().parent if main else Path.cwd()
    if not (folder / FILE).is_file():
        raise DefinitionError(
            "towline.inputs()",
            f"no workflow started this script, and there is no {FILE} beside it",
            "towline workflow run FOLDER --input name=value",
        )
    definition = load_definition(folder)
    checked = check_inputs(definition, values_of_arguments(definition, sys.argv[1:]))
    return Inputs(checked.values, checked.secrets)


def _wrapped(value: Any, secret: Any) -> Any:
    if isinstance(secret, Mapping):
        return Inputs(value if isinstance(value, Mapping) else {}, secret)
    if secret is not None:
        return secret
    if isinstance(value, list):
        return [_wrapped(each, None) for each in value]
    return Inputs(value) if isinstance(value, Mapping) else value
