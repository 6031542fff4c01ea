"""The form of a type as JSON Schema 2020-12: for pages, editors and other programs."""

from __future__ import annotations

from typing import Any

from towline.clusters.types.base import ClusterType, Way

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def form_schema(kind: ClusterType) -> dict[str, Any]:
    """Return the JSON Schema of a definition of this type.

    What only makes sense with a `host` is left out where the type allows none.
    """
    schema = kind.form.model_json_schema()
    keys = schema["properties"]
    keys["type"] = {"const": kind.key, "title": "Type", "description": kind.description}
    required = [name for name in schema.get("required", []) if name != "type"]
    if kind.way is Way.HOST:
        keys["host"] = {**keys["host"], **_without_null(keys["host"])}
        del keys["host"]["default"]
        required.append("host")
    else:
        del keys["host"]
    schema["required"] = [*required, "type"]
    return {"$schema": DIALECT, **schema, "title": kind.title, "description": kind.description}


def _without_null(key: dict[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in key.get("anyOf", []) if choice.get("type") != "null"]
    key.pop("anyOf", None)
    return dict(choices[0]) if len(choices) == 1 else {}
