"""A schema and values as a tree of fields, ready to be drawn: a pure function."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from towline.server.pages.forms.schema import Schema, properties, resolved, widget_of

Errors = Mapping[str, Sequence[str]]
"""What is wrong, in words, by path."""

PICKERS = frozenset({"partition", "account", "qos"})
NUMBERS = frozenset({"integer", "number"})
PLACEHOLDER = "__{}__"
"""Stands for an item's number in what a script copies; ``{}`` is the depth of its list."""


@dataclass(frozen=True)
class Choice:
    """Something to choose."""

    value: str
    label: str
    note: str = ""
    chosen: bool = False


@dataclass(frozen=True)
class Field:
    """One field as it is drawn.

    Args:
        widget: what it is filled in with.
        path: its name in the form: names and numbers with dots.
        label: what it is called.
        help: a sentence beside it.
        required: whether it must be filled in.
        optional: whether it may be left empty, and has no value to begin with.
        text: what stands in it.
        checked: of a boolean.
        choices: what there is to choose.
        by_cluster: of a picker: what there is on each cluster.
        by: of a picker: the path of the cluster that it depends on.
        attributes: further attributes of its element.
        unit: shown behind it.
        errors: what is wrong with it.
        show_if: conditions: path, and the values that fit.
        children: of a group; of a list: its items.
        template: of a list: an empty item.
        placeholder: of a list: what stands for the number in ``template``.
        folded: a group is shown folded up.
        advanced: shown only to those who ask for more.
        kept: of a file: the name of what was sent already.

    """

    widget: str
    path: str
    label: str
    help: str = ""
    required: bool = False
    optional: bool = False
    text: str = ""
    checked: bool = False
    choices: tuple[Choice, ...] = ()
    by_cluster: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)
    by: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    errors: tuple[str, ...] = ()
    show_if: tuple[tuple[str, tuple[str, ...]], ...] = ()
    children: tuple[Field, ...] = ()
    template: Field | None = None
    placeholder: str = ""
    folded: bool = False
    advanced: bool = False
    kept: str = ""

    @property
    def id(self) -> str:
        """Return the id of its element; unlike any other on the page."""
        return "f-" + re.sub(r"[^\w.-]", "-", self.path)

    @property
    def conditions(self) -> str:
        """Return the conditions as the page's script reads them."""
        return json.dumps([[path, list(values)] for path, values in self.show_if])

    @property
    def wrong(self) -> bool:
        """Return whether anything in it is wrong."""
        inside = any(child.wrong for child in self.children)
        return bool(self.errors) or inside


def build(
    schema: Schema,
    values: Mapping[str, Any] | None = None,
    errors: Errors | None = None,
    *,
    advanced: frozenset[str] = frozenset(),
    uploads: Mapping[str, str] | None = None,
) -> Field:
    """Return the form of a schema.

    Args:
        schema: of an object.
        values: what stands in it; a schema's defaults where there is nothing.
        errors: what is wrong, by path.
        advanced: names of fields that are shown to those who ask for more.
        uploads: names of files by what stands for them in ``values``.

    """
    maker = _Maker(schema, errors or {}, uploads or {})
    fields = maker.group(resolved(schema, schema), values or {}, "", ())
    fields = tuple(
        Field(**{**one.__dict__, "advanced": one.advanced or one.path in advanced})
        for one in fields
    )
    own = tuple(maker.errors.get("", ()))
    return Field("group", "", str(schema.get("title", "")), children=fields, errors=own)


Scope = tuple[Mapping[str, str], ...]
"""Paths of the fields around one by name, the nearest group last."""


class _Maker:
    """One walk over a schema and its values."""

    def __init__(self, root: Schema, errors: Errors, uploads: Mapping[str, str]) -> None:
        self.root = root
        self.errors = errors
        self.uploads = uploads

    def group(
        self, schema: Schema, values: Any, path: str, around: Scope, depth: int = 0
    ) -> tuple[Field, ...]:
        """Return the fields of an object."""
        given = values if isinstance(values, Mapping) else {}
        known = properties(schema)
        scope = (*around, {name: _join(path, name) for name in known})
        must = set(schema.get("required", ()))
        found = []
        for name, raw in known.items():
            one = resolved(raw, self.root)
            if one.get("x-ui", {}).get("hidden"):
                continue
            found.append(
                self.field(
                    one, given.get(name), _join(path, name), name in must, scope, name, depth
                )
            )
        return tuple(found)

    def field(
        self,
        schema: Schema,
        value: Any,
        path: str,
        must: bool,
        scope: Scope,
        name: str,
        depth: int,
    ) -> Field:
        """Return one field."""
        ui: Mapping[str, Any] = schema.get("x-ui", {})
        widget = widget_of(schema)
        if value is None:
            value = schema.get("default")
        about: dict[str, Any] = {
            "widget": widget,
            "path": path,
            "label": _label(schema, name),
            "help": str(schema.get("description", "")),
            "required": bool(ui.get("required", must)),
            "optional": not ui.get("required", must) and schema.get("default") in (None, "", []),
            "errors": tuple(self.errors.get(path, ())),
            "unit": str(ui.get("unit", "")),
            "advanced": bool(ui.get("advanced")),
            "show_if": _conditions(ui.get("show_if", {}), scope),
            "attributes": _attributes(widget, schema, ui),
        }
        if widget == "group":
            children = self.group(schema, value, path, scope, depth)
            return Field(**about, children=children, folded=bool(ui.get("collapsed")))
        if widget == "list":
            return self.list(schema, value, path, scope, about, depth)
        if widget == "boolean":
            return Field(**about, checked=value in (True, "true", "on", "yes"))
        if widget in ("choice", "multi-choice", "cluster"):
            return Field(**about, choices=_choices(widget, schema, ui, value))
        if widget in PICKERS:
            by_cluster = {
                cluster: tuple(Choice(c["value"], c["label"], c.get("note", "")) for c in found)
                for cluster, found in ui.get("choices_by_cluster", {}).items()
            }
            by = _nearest(str(ui.get("cluster") or ""), scope)
            return Field(**about, text=_text(value), by_cluster=by_cluster, by=by)
        if widget == "secret":
            return Field(**about)  # what was typed is not sent back
        if widget == "file":
            kept = _text(value)
            return Field(**about, text=kept, kept=self.uploads.get(kept, kept))
        if widget == "words":
            listed = isinstance(value, (list, tuple))
            return Field(**about, text=", ".join(map(str, value)) if listed else _text(value))
        if widget == "json":
            return Field(**about, text="" if value is None else _as_json(value))
        return Field(**about, text=_text(value))

    def list(
        self,
        schema: Schema,
        value: Any,
        path: str,
        scope: Scope,
        about: dict[str, Any],
        depth: int,
    ) -> Field:
        """Return a list with its items, and an empty one to copy."""
        item = resolved(schema.get("items", {}), self.root)
        given = list(value) if isinstance(value, (list, tuple)) else []
        given += [None] * (int(schema.get("minItems", 0)) - len(given))
        sign = PLACEHOLDER.format(depth)

        def make(which: str, inside: Any) -> Field:
            return self.field(item, inside, _join(path, which), False, scope, "", depth + 1)

        children = tuple(make(str(index), each) for index, each in enumerate(given))
        return Field(**about, children=children, template=make(sign, None), placeholder=sign)


def _choices(widget: str, schema: Schema, ui: Schema, value: Any) -> tuple[Choice, ...]:
    items = schema.get("items", {}) if widget == "multi-choice" else schema
    listed = ui.get("choices")
    if listed is None:
        listed = [{"value": each, "label": str(each)} for each in items.get("enum", ())]
    chosen = {_text(each) for each in (value if isinstance(value, (list, tuple)) else [value])}
    found = [
        Choice(
            _text(c["value"]),
            str(c.get("label") or c["value"]),
            str(c.get("note", "")),
            _text(c["value"]) in chosen,
        )
        for c in listed
    ]
    if widget == "cluster" and isinstance(value, str) and value not in {c.value for c in found}:
        found.append(Choice(value, value, "not known here", True))
    return tuple(found)


def _attributes(widget: str, schema: Schema, ui: Schema) -> dict[str, str]:
    found: dict[str, str] = {}
    if widget in NUMBERS:
        low, high = (_text(schema.get(key)) for key in ("minimum", "maximum"))
        if low or high:
            found["placeholder"] = f"{low} to {high}" if low and high else _bound(low, high)
    if widget == "words":
        found["placeholder"] = "several: with commas between them"
    if "maxLength" in schema:
        found["maxlength"] = str(schema["maxLength"])
    if placeholder := ui.get("placeholder"):
        found["placeholder"] = str(placeholder)
    if widget == "text":
        found["rows"] = str(ui.get("rows", 6))
    if widget == "file" and (accept := ui.get("accept")):
        found["accept"] = ",".join(accept) if isinstance(accept, list) else str(accept)
    return found


def _bound(low: str, high: str) -> str:
    return f"{low} or more" if low else f"{high} or less"


def _conditions(stated: Mapping[str, Any], scope: Scope) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (
            _nearest(name, scope),
            tuple(_text(each) for each in (wanted if isinstance(wanted, list) else [wanted])),
        )
        for name, wanted in stated.items()
    )


def _nearest(name: str, scope: Scope) -> str:
    """Return the path of the field of a name that is nearest: beside, or around."""
    return next((names[name] for names in reversed(scope) if name in names), name)


def _label(schema: Schema, name: str) -> str:
    title = str(schema.get("title") or name)
    plain = title == name or title.replace(" ", "_").lower() == name.lower()
    if plain:
        words = re.sub(r"[_-]+", " ", name).strip()
        words = re.sub(r"\bssh\b", "SSH", words)
        return words[:1].upper() + words[1:]
    return title


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return value if isinstance(value, str) else str(value)


def _as_json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=1, ensure_ascii=False)
