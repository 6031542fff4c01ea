"""A workflow's form as JSON Schema 2020-12, with what a page needs beside it under ``x-ui``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from towline.workflows.definition import WorkflowDefinition
from towline.workflows.fields import (
    BooleanField,
    ChoiceField,
    ClusterField,
    Fields,
    FileField,
    GroupField,
    InputField,
    IntegerField,
    ListField,
    MultiChoiceField,
    NumberField,
    Option,
    SecretField,
    StringField,
    TextField,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True)
class Choice:
    """Something that a picker offers; ``note`` says more, such as ``4 nodes, 2 idle``."""

    value: str
    label: str = ""
    note: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the choice as the form has it."""
        return {"value": self.value, "label": self.label or self.value, "note": self.note}


@dataclass(frozen=True)
class ClusterChoice(Choice):
    """A cluster that a picker offers."""

    type: str = ""


@dataclass(frozen=True)
class Choices:
    """What the pickers offer, as it was last observed; each mapping is by cluster name.

    A value that is not among them is still taken: what was not observed may be there.
    """

    clusters: Sequence[ClusterChoice] = ()
    partitions: Mapping[str, Sequence[Choice]] = field(default_factory=dict)
    accounts: Mapping[str, Sequence[Choice]] = field(default_factory=dict)
    qos: Mapping[str, Sequence[Choice]] = field(default_factory=dict)


def form_schema(
    definition: WorkflowDefinition, choices: Choices | None = None, name: str = ""
) -> dict[str, Any]:
    """Return the form.

    Args:
        definition: whose.
        choices: what the pickers offer.
        name: of the workflow, where its definition gives no title.

    """
    schema = _object(definition.inputs, choices or Choices(), ())
    executors = definition.executors
    schema["x-ui"] |= {
        "presets": list(definition.presets),
        "executors": [
            {"label": label, "cluster": keys.get("cluster", keys.get("POOL"))}
            for label, keys in (executors.items() if isinstance(executors, Mapping) else ())
            if label != "WORKSPACE"
        ],
    }
    head = {"$schema": DIALECT, "title": definition.title or name}
    if definition.description:
        head["description"] = definition.description
    return {**head, **schema}


def _object(fields: Fields, choices: Choices, around: tuple[ClusterPath, ...]) -> dict[str, Any]:
    clusters = (*around, *(name for name, one in fields.items() if isinstance(one, ClusterField)))
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            name: _property(name, one, choices, clusters) for name, one in fields.items()
        },
        "required": [name for name, one in fields.items() if one.show_if == {} and _must(one)],
        "additionalProperties": False,
    }
    if conditions := [_condition(name, one) for name, one in fields.items() if one.show_if]:
        local = [each for each in conditions if each is not None and _known(each, fields)]
        if local:
            schema["allOf"] = [{"if": c["if"], "then": c["then"]} for c in local]
    schema["x-ui"] = {"order": list(fields)}
    return schema


ClusterPath = str


def _must(one: InputField) -> bool:
    if isinstance(one, GroupField):
        return any(_must(each) and not each.show_if for each in one.inputs.values())
    if isinstance(one, (ListField, MultiChoiceField)):
        return one.min > 0 and one.default is None
    return one.needed


def _condition(name: str, one: InputField) -> dict[str, Any] | None:
    if not _must(one):
        return None
    properties = {}
    for other, wanted in one.show_if.items():
        values = wanted if isinstance(wanted, list) else [wanted]
        properties[other] = {"enum": values}
    return {
        "if": {"properties": properties, "required": list(properties)},
        "then": {"required": [name]},
    }


def _known(condition: Mapping[str, Any], fields: Fields) -> bool:
    """Return whether a condition only looks at fields beside its own, as JSON Schema can."""
    return all(name in fields for name in condition["if"]["required"])


def _property(
    name: str, one: InputField, choices: Choices, clusters: tuple[ClusterPath, ...]
) -> dict[str, Any]:
    schema: dict[str, Any] = {"title": one.label or name}
    if one.help:
        schema["description"] = one.help
    if one.default is not None:
        schema["default"] = one.default
    ui = _ui(one)
    if isinstance(one, GroupField):
        inner = _object(one.inputs, choices, clusters)
        return {**schema, **inner, "x-ui": {**ui, **inner["x-ui"], "collapsed": one.collapsed}}
    if isinstance(one, ListField):
        schema |= {
            "type": "array",
            "items": _property("", one.items, choices, clusters),
            "minItems": one.min,
            "maxItems": one.max,
        }
        return {**schema, "x-ui": ui}
    schema |= _shape(one)
    if not _must(one) and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return {**schema, "x-ui": {**ui, **_picker(one, choices, clusters)}}


def _ui(one: InputField) -> dict[str, Any]:
    widget = str(getattr(one, "type", "string"))
    ui: dict[str, Any] = {"widget": widget, "required": _must(one)}
    for key in ("placeholder", "unit", "rows", "pattern_help", "accept"):
        if value := getattr(one, key, None):
            ui[key] = list(value) if isinstance(value, tuple) else value
    for key in ("advanced", "hidden"):
        if getattr(one, key):
            ui[key] = True
    if one.show_if:
        ui["show_if"] = one.show_if
    return ui


def _shape(one: InputField) -> dict[str, Any]:
    if isinstance(one, (IntegerField, NumberField)):
        whole = isinstance(one, IntegerField)
        limits: dict[str, Any] = {"minimum": one.min, "maximum": one.max}
        if one.step is not None and whole and not (one.min or 0) % one.step:
            limits["multipleOf"] = one.step
        return {"type": "integer" if whole else "number", **_stated(limits)}
    if isinstance(one, BooleanField):
        return {"type": "boolean"}
    if isinstance(one, ChoiceField):
        values = [option.value for option in one.options]
        kinds = {"string" if isinstance(value, str) else "number" for value in values}
        return {"enum": values} | ({"type": kinds.pop()} if len(kinds) == 1 else {})
    if isinstance(one, MultiChoiceField):
        items = {"enum": [option.value for option in one.options]}
        limits = _stated({"minItems": one.min or None, "maxItems": one.max})
        return {"type": "array", "items": items, "uniqueItems": True, **limits}
    if isinstance(one, SecretField):
        return {"type": "string", "writeOnly": True, "format": "password"}
    if isinstance(one, StringField):
        pattern = f"^(?:{one.pattern})$" if one.pattern and _portable(one.pattern) else None
        return {"type": "string", **_lengths(one), **_stated({"pattern": pattern})}
    if isinstance(one, TextField):
        return {"type": "string", **_lengths(one)}
    if isinstance(one, FileField):
        return {"type": "string", "contentMediaType": "application/octet-stream"}
    return {"type": "string"}


def _lengths(one: StringField | TextField) -> dict[str, Any]:
    least = one.min_length if one.min_length is not None else (1 if one.needed else None)
    return _stated({"minLength": least, "maxLength": one.max_length})


def _stated(limits: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in limits.items() if value is not None}


def _portable(pattern: str) -> bool:
    """Return whether browsers read a pattern as Python does: without what only Python has."""
    return not re.search(r"\(\?[^:=!<]|\(\?<[^=!]|\\[AZ]", pattern)


def _picker(one: InputField, choices: Choices, clusters: tuple[ClusterPath, ...]) -> dict[str, Any]:
    if isinstance(one, (ChoiceField, MultiChoiceField)):
        return {"choices": [_option(option) for option in one.options]}
    if isinstance(one, ClusterField):
        found = [
            {**choice.as_dict(), "type": choice.type}
            for choice in choices.clusters
            if (not one.types or choice.type in one.types)
            and (one.workspace or choice.value != "local")
        ]
        return {"choices": found, "executors": list(one.executors)}
    kind = {"partition": choices.partitions, "account": choices.accounts, "qos": choices.qos}
    by_cluster = kind.get(str(getattr(one, "type", "")))
    if by_cluster is None:
        return {}
    return {
        "cluster": getattr(one, "cluster", None) or (clusters[0] if len(clusters) == 1 else None),
        "choices_by_cluster": {
            cluster: [choice.as_dict() for choice in found] for cluster, found in by_cluster.items()
        },
    }


def _option(option: Option) -> dict[str, Any]:
    return {"value": option.value, "label": option.label or str(option.value)}
