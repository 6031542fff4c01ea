"""What a browser has sent, as the values of a schema: nested, not checked; a pure function.

Text stays text: the one who checks knows what is a number. What the form does not ask for is left
out, so a page's own fields never reach a workflow.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from towline.server.pages.forms.schema import Schema, properties, resolved, widget_of

MOST_ITEMS = 10_000


def read(schema: Schema, sent: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the values of a form.

    Args:
        schema: of an object.
        sent: names and values, as often as they were sent.

    """
    tree: dict[str, Any] = {}
    for name, value in sent:
        _put(tree, name.split("."), value)
    return _group(resolved(schema, schema), tree, schema)


_HERE = ""


def _put(tree: dict[str, Any], path: list[str], value: str) -> None:
    for step in path[:20]:
        tree = tree.setdefault(step, {})
    tree.setdefault(_HERE, []).append(value)


def _group(schema: Schema, tree: Mapping[str, Any], root: Schema) -> dict[str, Any]:
    found = {}
    for name, raw in properties(schema).items():
        one = resolved(raw, root)
        if one.get("x-ui", {}).get("hidden"):
            continue
        value = _value(one, tree.get(name), root)
        if value is not None:
            found[name] = value
    return found


def _value(schema: Schema, tree: Mapping[str, Any] | None, root: Schema) -> Any:
    widget = widget_of(schema)
    sent: list[str] = list(tree.get(_HERE, ())) if tree else []
    if widget == "group":
        return _group(schema, tree or {}, root) or None
    if widget == "list":
        return _list(schema, tree or {}, root)
    if widget == "const":
        return schema["const"]
    if widget == "boolean":
        # A box that is not ticked sends nothing; a hidden twin says that it was there.
        return None if not sent else sent[-1] == "true"
    if widget == "multi-choice":
        chosen = [value for value in sent if value]
        return chosen if tree is not None else None
    text = sent[-1] if sent else ""
    if widget == "words":
        words = [word.strip() for word in text.split(",")]
        return [word for word in words if word] or None
    if widget == "json":
        return _json(text)
    if widget in ("string", "text", "secret"):
        text = text.replace("\r\n", "\n")
        return text if text else None
    return text.strip() or None


def _list(schema: Schema, tree: Mapping[str, Any], root: Schema) -> list[Any]:
    item = resolved(schema.get("items", {}), root)
    numbers = sorted(int(n) for n in tree if n.isascii() and n.isdecimal() and len(n) < 8)
    found = [_value(item, tree[str(number)], root) for number in numbers[:MOST_ITEMS]]
    return [value for value in found if value is not None]


def _json(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
