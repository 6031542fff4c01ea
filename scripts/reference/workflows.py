"""Tables of the keys of a ``workflow.yaml`` and of its fields, from the models."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from reference.markdown import cell
from towline.workflows.definition import WorkflowDefinition
from towline.workflows.fields import FIELD_TYPES, InputField, Option

WORDS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    Any: "any value",
    dict: "mapping",
    tuple: "list",
    list: "list",
}
SIGNS = {"gt": "over", "ge": "at least", "lt": "under", "le": "at most"}


def workflow_keys() -> str:
    """Return a table of the keys of the file."""
    return "\n".join(_table(WorkflowDefinition, list(WorkflowDefinition.model_fields)))


def common_field_keys() -> str:
    """Return a table of the keys that every field has."""
    return "\n".join(_table(InputField, list(InputField.model_fields)))


def field_types() -> str:
    """Return every type of field, each with the keys of its own."""
    lines = []
    for word, model in FIELD_TYPES.items():
        own = [
            name
            for name, field in model.model_fields.items()
            if name != "type"
            and (name not in InputField.model_fields or _differs(model, name))
            and field.annotation is not type(None)
        ]
        lines += [f"### `{word}`", "", cell(model.__doc__), ""]
        if own:
            lines += [*_table(model, own), ""]
    lines += ["A value to choose may be written as `{value: …, label: …}`:", ""]
    return "\n".join([*lines, *_table(Option, list(Option.model_fields))])


def _differs(model: type[BaseModel], name: str) -> bool:
    return model.model_fields[name].description != InputField.model_fields[name].description


def _table(model: type[BaseModel], names: list[str]) -> list[str]:
    lines = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
    for name in names:
        field = model.model_fields[name]
        lines.append(
            f"| `{field.alias or name}` | {_value(field.annotation)}{_bounds(field)} "
            f"| {_default(field)} | {cell(field.description)} |"
        )
    return lines


def _value(annotation: Any) -> str:
    origin = get_origin(annotation)
    arguments = [each for each in get_args(annotation) if each is not type(None)]
    if origin is Annotated:
        return _value(arguments[0])
    if origin in (Union, types.UnionType):
        shown = list(dict.fromkeys(_value(each) for each in arguments))
        return "a field" if len(shown) > 6 or "a field" in shown else " or ".join(shown)
    if origin is Literal:
        return ", ".join(f"`{str(each).lower()}`" for each in arguments)
    if origin is tuple:
        return f"list of {_value(arguments[0])}"
    if origin is dict:
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, Option):
        return "values"
    if isinstance(annotation, type) and issubclass(annotation, InputField):
        return "a field"
    return WORDS[annotation]


def _bounds(field: Any) -> str:
    limits = [
        f", {sign} {getattr(rule, name)}"
        for rule in field.metadata
        for name, sign in SIGNS.items()
        if getattr(rule, name, None) is not None
    ]
    return "".join(limits)


def _default(field: Any) -> str:
    if field.is_required():
        return "needed"
    if field.default_factory is not None or field.default in (None, "", ()):
        return ""
    shown = str(field.default).lower() if isinstance(field.default, bool) else field.default
    return f"`{shown}`"
