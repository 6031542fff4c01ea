"""The one shape of a property that forms know, whoever wrote the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_WIDGETS = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean"}


def resolved(schema: Schema, root: Schema) -> dict[str, Any]:
    """Return a property without references and without ``null`` among its types."""
    found = dict(schema)
    for _ in range(8):
        if "$ref" in found:
            inside: Any = root
            for step in str(found.pop("$ref")).lstrip("#/").split("/"):
                inside = inside[step]
            named = {key: value for key, value in inside.items() if key != "title"}
            found = {**named, **found}  # its title is that of a class
            continue
        choices = [c for c in found.get("anyOf", ()) if c.get("type") != "null"]
        if len(choices) != 1:
            break
        found.pop("anyOf")
        found = {**choices[0], **found}
    if isinstance(found.get("type"), list):
        found["type"] = next((kind for kind in found["type"] if kind != "null"), "string")
    if "enum" in found:
        found["enum"] = [value for value in found["enum"] if value is not None]
    return found


def widget_of(schema: Schema) -> str:
    """Return what a property is filled in with."""
    if stated := schema.get("x-ui", {}).get("widget"):
        return str(stated)
    if "const" in schema:
        return "const"
    if "enum" in schema:
        return "choice"
    kind = str(schema.get("type", "string"))
    if kind == "object":
        return "group" if schema.get("properties") else "json"
    if kind == "array":
        items = schema.get("items", {})
        return "words" if items.get("type", "string") == "string" else "list"
    return _WIDGETS.get(kind, "string")


def properties(schema: Schema) -> dict[str, Schema]:
    """Return an object's properties in the order in which they are shown."""
    known: dict[str, Schema] = schema.get("properties", {})
    order = [name for name in schema.get("x-ui", {}).get("order", ()) if name in known]
    return {name: known[name] for name in (*order, *(n for n in known if n not in order))}
