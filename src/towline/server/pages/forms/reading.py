"""What a browser has sent, as the values of a schema: nested, not checked; a pure function.

Text stays text: the one who checks knows what is a number. What the form does not ask for is left
out, so a page's own fields never reach a workflow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from towline.server.pages.forms.schema import Schema, properties, resolved, widget_of

MOST_ITEMS = 10_000
DEEPEST = 20


def read(schema: Schema, sent: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the values of a form.

    Args:
        schema: of an object.
        sent: names and values, as often as they were sent.

    """
    tree = _Sent()
    for name, value in sent:
        tree.put(name.split("."), value)
    return _group(resolved(schema, schema), tree, schema)


@dataclass
class _Sent:
    """What was sent under a name, and under names that begin with it."""

    values: list[str] = field(default_factory=list)
    below: dict[str, _Sent] = field(default_factory=dict)

    def put(self, path: list[str], value: str) -> None:
        """Keep a value under its path; what is deeper than any form is left out."""
        if len(path) > DEEPEST:
            return
        here = self
        for step in path:
            here = here.below.setdefault(step, _Sent())
        here.values.append(value)


def _group(schema: Schema, tree: _Sent, root: Schema) -> dict[str, Any]:
    found = {}
    for name, raw in properties(schema).items():
        one = resolved(raw, root)
        if one.get("x-ui", {}).get("hidden"):
            continue
        value = _value(one, tree.below.get(name), root)
        if value is not None:
            found[name] = value
    return found


def _value(schema: Schema, tree: _Sent | None, root: Schema) -> Any:
    widget = widget_of(schema)
    sent = tree.values if tree else []
    if widget == "group":
        return _group(schema, tree or _Sent(), root) or None
    if widget == "list":
        return _list(schema, tree or _Sent(), root)
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


def _list(schema: Schema, tree: _Sent, root: Schema) -> list[Any]:
    item = resolved(schema.get("items", {}), root)
    numbers = sorted(int(n) for n in tree.below if re.fullmatch("0|[1-9][0-9]{0,6}", n))
    found = [_value(item, tree.below[str(number)], root) for number in numbers[:MOST_ITEMS]]
    return [value for value in found if value is not None]


def _json(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
