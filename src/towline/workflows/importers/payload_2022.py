"""Inputs as clients of 2022 name them, ``section|param``, as a form of today has them; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from towline.workflows.fields import BooleanField, Fields, GroupField, InputField, MultiChoiceField

SEPARATOR = "|"


def inputs_of_payload(fields: Fields, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs nested by groups for a payload that may have keys of 2022.

    ``section|param`` names a field of a group, ``section|conditional|param`` one under a condition,
    whose name is no level any more. A key without ``|`` is a name of today, and stays as it is
    unless only one field of some group is called so, or has been. A key that names nothing stays
    as it is too, so that the check of the inputs complains of it.

    Args:
        fields: of the workflow's form.
        payload: name -> value, in either spelling.

    """
    inputs: dict[str, Any] = {}
    for key, value in payload.items():
        path = _path(fields, str(key), payload)
        place = inputs
        for part in path[:-1]:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                break
            place = inner
        if isinstance(value, Mapping) and isinstance(place.get(path[-1]), dict):
            place[path[-1]].update(value)
        elif isinstance(value, Mapping):
            place[path[-1]] = dict(value)
        else:
            place[path[-1]] = _value(_field(fields, path), value)
    return inputs


def _field(fields: Fields, path: tuple[str, ...]) -> InputField | None:
    found: InputField | None = None
    for part in path:
        found = fields.get(part)
        fields = found.inputs if isinstance(found, GroupField) else {}
    return found


def _value(field: InputField | None, value: Any) -> Any:
    """Return a value as a form of today has it: a boolean's own words, values between commas."""
    if isinstance(field, BooleanField) and value in (field.true_value, field.false_value):
        return bool(value == field.true_value)
    if isinstance(field, MultiChoiceField) and isinstance(value, str):
        known = [option.value for option in field.options]
        return value if value in known else [each for each in value.split(",") if each]
    return value


def _path(fields: Fields, key: str, payload: Mapping[str, Any]) -> tuple[str, ...]:
    if key in fields:
        return (key,)
    *around, name = key.split(SEPARATOR)
    if not around:
        found = [path for path in _all(fields) if path[-1] == key and len(path) > 1]
        return found[0] if len(found) == 1 else (key,)
    here, path = fields, []
    for part in around:
        group = here.get(part)
        if isinstance(group, GroupField):
            here = group.inputs
            path.append(part)
    choices = [each for each, field in here.items() if _is(each, field, name)]
    if not choices:
        return (key,)
    prefix = [
        f"{SEPARATOR.join(around[:n])}{SEPARATOR}" if n else "" for n in range(len(around) + 1)
    ]
    said = {
        other: str(value)
        for start in prefix
        for full, value in payload.items()
        if str(full).startswith(start)
        for other in [str(full).rsplit(SEPARATOR, 1)[-1]]
    }
    fitting = [each for each in choices if _may_be_shown(here, here[each], said)]
    return (*path, (fitting or choices)[0])


def _is(name: str, field: InputField, old: str) -> bool:
    return name == old or field.argument == f"--{old}"


def _may_be_shown(fields: Fields, field: InputField, said: Mapping[str, str]) -> bool:
    """Return whether the payload's values allow a field; what it does not say counts as allowed."""
    for other, wanted in field.show_if.items():
        if other not in said:
            continue
        texts = set()
        for value in wanted if isinstance(wanted, list) else [wanted]:
            texts.add(str(value))
            if isinstance(value, bool) and (driver := fields.get(other)) is not None:
                texts |= {str(value).lower(), _word(driver, value)}
        if said[other] not in texts:
            return False
    return True


def _word(driver: InputField, value: bool) -> str:
    return str(getattr(driver, "true_value" if value else "false_value", value))


def _all(fields: Fields, around: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    paths = []
    for name, field in fields.items():
        paths.append((*around, name))
        if isinstance(field, GroupField):
            paths += _all(field.inputs, (*around, name))
    return paths
