"""Whether a field is shown: ``show-if`` looks at fields above it, in its group or around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from towline.workflows.fields import (
    BooleanField,
    ChoiceField,
    InputField,
    IntegerField,
    MultiChoiceField,
    NumberField,
)
from towline.workflows.values import typed


class Scope:
    """The fields above one, with their values: those of its own group first, then those around."""

    def __init__(self, around: Scope | None = None) -> None:
        self._around = around
        self._fields: dict[str, InputField] = {}
        self._values: dict[str, Any] = {}

    def inner(self) -> Scope:
        """Return the scope of a group that stands here."""
        return Scope(self)

    def declare(self, name: str, field: InputField, value: Any = None) -> None:
        """Add a field that what follows may look at; ``value`` is None when it is not shown."""
        self._fields[name] = field
        self._values[name] = value

    def field(self, name: str) -> InputField | None:
        """Return the nearest field of a name."""
        if name in self._fields:
            return self._fields[name]
        return self._around.field(name) if self._around else None

    def value(self, name: str) -> Any:
        """Return the nearest field's value; None when it has none."""
        if name in self._fields:
            return self._values[name]
        return self._around.value(name) if self._around else None

    def names(self) -> list[str]:
        """Return the names that can be looked at."""
        return [*self._fields, *(self._around.names() if self._around else [])]

    def shows(self, conditions: Mapping[str, Any]) -> bool:
        """Return whether all conditions hold."""
        return all(self._holds(name, wanted) for name, wanted in conditions.items())

    def _holds(self, name: str, wanted: Any) -> bool:
        field, value = self.field(name), self.value(name)
        return any(
            _is(field, value, each) for each in (wanted if isinstance(wanted, list) else [wanted])
        )


def _is(field: InputField | None, value: Any, wanted: Any) -> bool:
    if value is None or wanted is None:
        return value is wanted
    if isinstance(field, MultiChoiceField):
        return isinstance(value, list) and any(str(each) == str(wanted) for each in value)
    if isinstance(field, (BooleanField, ChoiceField, IntegerField, NumberField)):
        try:
            return bool(typed(field, wanted) == value)
        except ValueError:
            return False
    return str(value) == str(wanted)
