"""Check what a form was given: every problem in words with its path, every value typed.

Pure: no file, cluster or clock is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from towline.clusters import suggestion
from towline.errors import InputProblem, InputsWrong
from towline.workflows.conditions import Scope
from towline.workflows.definition import WorkflowDefinition
from towline.workflows.fields import (
    Fields,
    GroupField,
    InputField,
    ListField,
    MultiChoiceField,
    SecretField,
)
from towline.workflows.values import LONGEST_SECRET, is_empty, shown, typed

SECRET = {"secret": True}
"""What stands in place of a secret wherever inputs are kept or shown."""

MOST_PROBLEMS = 100
"""What is told at once: nobody reads more, and somebody may send a million."""

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class CheckedInputs:
    """Inputs that fit.

    ``values`` has every field that is shown, typed, nested by groups, None where an optional one
    was left empty; no secret. ``secrets`` has the secrets in the same nesting; never printed.
    """

    values: dict[str, Any]
    secrets: dict[str, Any] = field(default_factory=dict, repr=False)

    def kept(self) -> dict[str, Any]:
        """Return the inputs as a run's record keeps them: each secret as ``{"secret": true}``."""
        return merged(self.values, _masked(self.secrets))


def check_inputs(definition: WorkflowDefinition, values: Mapping[str, Any]) -> CheckedInputs:
    """Return inputs with their types and defaults.

    Args:
        definition: whose form it is.
        values: name -> value, nested by groups. Text is read where a number or a boolean is
            wanted, as a command line or a web form sends it.

    Raises:
        InputsWrong: with everything that is wrong, each by its path. No other error, whatever
            the values are.

    """
    check = _Check()
    checked, secrets = check.group(definition.inputs, values, (), Scope())
    total = sum(len(text.encode()) for text in _leaves(secrets)) if not check.problems else 0
    if total > LONGEST_SECRET:
        check.problem((), f"the secrets have {total} bytes, and may have {LONGEST_SECRET}")
    if check.problems:
        raise InputsWrong("inputs", check.problems)
    return CheckedInputs(checked, secrets)


def preset_problems(definition: WorkflowDefinition, values: Any) -> list[InputProblem]:
    """Return what is wrong with a preset: it need not be complete, and may hold no secret."""
    check = _Check(partial=True)
    check.group(definition.inputs, values, (), Scope())
    return check.problems


def value_problems(one: InputField, value: Any) -> list[InputProblem]:
    """Return what is wrong with one value by itself, such as a list's default."""
    check = _Check()
    check.value(one, value, (), Scope())
    return check.problems


class _Check:
    """One walk over fields and values together, collecting problems."""

    def __init__(self, *, partial: bool = False) -> None:
        self.problems: list[InputProblem] = []
        self._partial = partial

    def problem(self, path: Path, message: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(InputProblem(path, message))

    def group(
        self, fields: Fields, given: Any, path: Path, around: Scope
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Check a mapping of fields; return its open values and its secrets."""
        if given is None:
            given = {}
        if not isinstance(given, Mapping):
            self.problem(path, f"must be a mapping, not {shown(given)}")
            return {}, {}
        for name in given:
            if len(self.problems) >= MOST_PROBLEMS:
                break
            if name not in fields:
                shown_name = (name if isinstance(name, str) else shown(name))[:100]
                hint = suggestion(shown_name, fields)
                self.problem((*path, shown_name), f"is no input of this workflow{hint}")
        values: dict[str, Any] = {}
        secrets: dict[str, Any] = {}
        scope = around.inner()
        for name, one in fields.items():
            if not self._partial and not scope.shows(one.show_if):
                scope.declare(name, one)
                continue
            here, raw = (*path, name), given.get(name)
            if isinstance(one, GroupField):
                inner, hidden = self.group(one.inputs, raw, here, scope)
                values[name] = inner
                if hidden:
                    secrets[name] = hidden
                scope.declare(name, one)
            elif isinstance(one, SecretField):
                if (secret := self._secret(one, raw, here)) is not None:
                    secrets[name] = secret
                scope.declare(name, one)
            else:
                values[name] = self.value(one, raw, here, scope)
                scope.declare(name, one, values[name])
        return values, secrets

    def value(self, one: InputField, given: Any, path: Path, scope: Scope) -> Any:
        """Check one value that is no group and no secret; return it typed, or None."""
        if is_empty(one, given):
            if self._partial:
                return None
            if isinstance(one, ListField):
                given = one.default if one.default is not None else []
            elif isinstance(one, MultiChoiceField) and one.default is None:
                given = []
            elif one.default is not None:
                given = one.default
            elif not one.needed:
                return None
            else:
                self.problem(path, "is needed")
                return None
        if isinstance(one, GroupField):
            return self.group(one.inputs, given, path, scope)[0]
        if isinstance(one, ListField):
            return self._list(one, given, path, scope)
        try:
            return typed(one, given)
        except ValueError as error:
            self.problem(path, str(error))
            return None

    def _list(self, one: ListField, given: Any, path: Path, scope: Scope) -> list[Any]:
        if not isinstance(given, (list, tuple)):
            self.problem(path, f"must be a list, not {shown(given)}")
            return []
        if not self._partial and len(given) < one.min:
            self.problem(path, f"needs at least {one.min} items, not {len(given)}")
        if len(given) > one.max:
            self.problem(path, f"takes at most {one.max} items, not {len(given)}")
            return []
        return [self.value(one.items, each, (*path, n), scope) for n, each in enumerate(given)]

    def _secret(self, one: SecretField, given: Any, path: Path) -> str | None:
        if self._partial:
            if given is not None:
                self.problem(path, "is a secret, which no preset may hold")
            return None
        if given == SECRET:
            self.problem(path, "is needed again: a secret is not kept")
            return None
        if given is None or given == "":
            if one.needed:
                self.problem(path, "is needed")
            return None
        try:
            return str(typed(one, given))
        except ValueError as error:
            self.problem(path, str(error))
            return None


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs laid over others; groups are merged, lists are not."""
    found = dict(below)
    for name, value in above.items():
        under = found.get(name)
        both = isinstance(under, Mapping) and isinstance(value, Mapping)
        found[name] = merged(under, value) if both and under is not None else value
    return found


def _masked(secrets: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _masked(value) if isinstance(value, Mapping) else dict(SECRET)
        for name, value in secrets.items()
    }


def _leaves(secrets: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for value in secrets.values():
        found += _leaves(value) if isinstance(value, Mapping) else [value]
    return found
