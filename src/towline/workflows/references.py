"""Put inputs where a definition names them, ``{input: NAME}``: whole values, never parts; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from towline.workflows.definition import WorkflowDefinition, reference_in
from towline.workflows.fields import ClusterField, Fields, GroupField


def resolved(keys: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping with each reference replaced; a key whose input has no value is left out."""
    found: dict[str, Any] = {}
    for key, written in keys.items():
        name = reference_in(written)
        value = written if name is None else value_at(values, name)
        if value is not None or name is None:
            found[key] = value
    return found


def resolved_executors(
    definition: WorkflowDefinition, values: Mapping[str, Any]
) -> dict[str, dict[str, Any]] | None:
    """Return executor definitions written in ``workflow.yaml``; None where it has none."""
    if not isinstance(definition.executors, Mapping):
        return None
    return {label: resolved(keys, values) for label, keys in definition.executors.items()}


def chosen_clusters(definition: WorkflowDefinition, values: Mapping[str, Any]) -> dict[str, str]:
    """Return executor label -> cluster of the cluster fields that say which labels they are for."""
    return dict(_chosen(definition.inputs, values))


def value_at(values: Mapping[str, Any], name: str) -> Any:
    """Return a value by its dotted name; None when it is not there."""
    here: Any = values
    for part in name.split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    return here


def _chosen(fields: Fields, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, field in fields.items():
        value = values.get(name)
        if isinstance(field, GroupField) and isinstance(value, Mapping):
            yield from _chosen(field.inputs, value)
        elif isinstance(field, ClusterField) and value is not None:
            for label in field.executors:
                yield label, str(value)
