"""What must fit together in a ``workflow.yaml``: conditions, defaults, presets, references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from towline.clusters import suggestion
from towline.errors import InputProblem
from towline.workflows.conditions import Scope
from towline.workflows.fields import (
    BooleanField,
    ChoiceField,
    ClusterField,
    Fields,
    GroupField,
    InputField,
    ListField,
    MultiChoiceField,
    SecretField,
)
from towline.workflows.values import typed

if TYPE_CHECKING:
    from towline.workflows.definition import WorkflowDefinition

Path = tuple[str | int, ...]
Complaint = tuple[Path, str]


def inconsistencies(definition: WorkflowDefinition) -> list[Complaint]:
    """Return what does not fit together, each with its place in the file."""
    from towline.workflows.inputs import preset_problems

    found = list(_of_fields(definition.inputs, ("inputs",), Scope()))
    if found:
        return found  # what follows would only repeat it
    for name, values in definition.presets.items():
        found += [_in_preset(name, problem) for problem in preset_problems(definition, values)]
    names = dict(flat(definition.inputs))
    for path, name in _references(definition):
        if name not in names:
            found.append((path, f"names no input '{name}'{suggestion(name, names)}"))
        elif isinstance(names[name], (SecretField, GroupField, ListField)):
            found.append((path, f"cannot take '{name}': it is no single, open value"))
    return found


def flat(fields: Fields, before: str = "") -> Iterator[tuple[str, InputField]]:
    """Yield every field by its dotted name, groups and their members alike."""
    for name, field in fields.items():
        yield f"{before}{name}", field
        if isinstance(field, GroupField):
            yield from flat(field.inputs, f"{before}{name}.")


def _in_preset(name: str, problem: InputProblem) -> Complaint:
    return ("presets", name, *problem.path), problem.message


def _of_fields(fields: Fields, path: Path, around: Scope) -> Iterator[Complaint]:
    scope = around.inner()
    for name, field in fields.items():
        here = (*path, name)
        yield from _of_field(field, here, scope)
        scope.declare(name, field)


def _of_field(field: InputField, path: Path, scope: Scope) -> Iterator[Complaint]:
    for other, wanted in field.show_if.items():
        yield from _of_condition(scope, str(other), wanted, (*path, "show-if", str(other)))
    yield from _of_bounds(field, path)
    cluster = getattr(field, "cluster", None)
    if cluster is not None and not isinstance(scope.field(cluster), ClusterField):
        yield (*path, "cluster"), f"names no cluster field above it: '{cluster}'"
    if field.hidden and field.needed and not isinstance(field, GroupField):
        yield (*path, "hidden"), "needs a default: nobody can give a value"
    if isinstance(field, GroupField):
        yield from _of_fields(field.inputs, (*path, "inputs"), scope)
    elif isinstance(field, ListField):
        yield from _of_list(field, path, scope)
    elif field.default is not None and not isinstance(field, SecretField):
        try:
            typed(field, field.default)
        except ValueError as error:
            yield (*path, "default"), str(error)


def _of_list(field: ListField, path: Path, scope: Scope) -> Iterator[Complaint]:
    from towline.workflows.inputs import value_problems

    items = (*path, "items")
    if isinstance(field.items, SecretField) or (
        isinstance(field.items, GroupField)
        and any(isinstance(each, SecretField) for _, each in flat(field.items.inputs))
    ):
        yield items, "may not hold a secret: a list is passed whole"
        return
    found = list(_of_field(field.items, items, scope))
    yield from found
    if field.default is not None and not found:
        for problem in value_problems(field, field.default):
            yield (*path, "default", *problem.path), problem.message


def _of_condition(scope: Scope, other: str, wanted: Any, path: Path) -> Iterator[Complaint]:
    field = scope.field(other)
    if field is None:
        yield path, f"names no field above it{suggestion(other, scope.names())}"
        return
    if isinstance(field, (GroupField, ListField, SecretField)):
        yield path, "cannot look at a group, a list or a secret"
        return
    for value in wanted if isinstance(wanted, list) else [wanted]:
        if value is None:
            continue
        single = field
        if isinstance(field, MultiChoiceField):
            single = ChoiceField.model_construct(options=field.options)
        if not isinstance(single, (BooleanField, ChoiceField)):
            continue
        try:
            typed(single, value)
        except ValueError as error:
            yield path, f"can never hold: {other} {error}"


def _of_bounds(field: InputField, path: Path) -> Iterator[Complaint]:
    for low, high in (("min", "max"), ("min_length", "max_length")):
        least, most = getattr(field, low, None), getattr(field, high, None)
        if least is not None and most is not None and least > most:
            key = low.replace("_", "-")
            yield (*path, key), f"is {least}, but {high.replace('_', '-')} is {most}"


def _references(definition: WorkflowDefinition) -> Iterator[tuple[Path, str]]:
    from towline.workflows.definition import reference_in

    places: list[tuple[Path, Mapping[str, Any]]] = []
    if isinstance(definition.executors, Mapping):
        places += [(("executors", label), keys) for label, keys in definition.executors.items()]
    if definition.on is not None:
        places.append((("on",), definition.on))
    for path, keys in places:
        for key, value in keys.items():
            if (name := reference_in(value)) is not None:
                yield (*path, key), name
