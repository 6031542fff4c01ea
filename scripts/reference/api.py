"""Every route of the API and every shape that it answers, from the description it serves."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reference.markdown import cell

_PREFIX = "/api/v1"
_TITLES = {
    "runs": "Runs",
    "workflows": "Workflows and uploads",
    "clusters": "Clusters",
    "server": "Server",
    "access": "Who may come in",
    "2022": "Clients of 2022",
}
_REF = "#/components/schemas/"


@functools.cache
def _description() -> Mapping[str, Any]:
    from towline.server.app import create_app
    from towline.server.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        return create_app(Settings(folder=Path(folder))).openapi()


def routes() -> str:
    """Return all routes by noun: what each needs, takes and answers."""
    by_tag: dict[str, list[str]] = {}
    for path, methods in _description()["paths"].items():
        for method, operation in methods.items():
            tag = operation["tags"][0]
            by_tag.setdefault(tag, []).append(_route(path, method, operation))
    order = [*_TITLES, *sorted(by_tag.keys() - _TITLES)]
    parts = []
    for tag in (tag for tag in order if tag in by_tag):
        parts += [f"## {_TITLES.get(tag, tag)}", *by_tag[tag]]
    return "\n\n".join(parts)


def shapes() -> str:
    """Return the fields of every shape that routes take or answer, by name."""
    found = []
    for name, schema in sorted(_description()["components"]["schemas"].items()):
        if name.startswith("Page_"):
            continue
        fields = schema.get("properties", {})
        if fields:
            found.append(f"### {name}\n\n{_about(schema)}{_fields(schema)}")
    return "\n\n".join(found)


def _route(path: str, method: str, operation: Mapping[str, Any]) -> str:
    lines = [f"### {method.upper()} {path.removeprefix(_PREFIX)}", _text(operation)]
    if need := operation.get("x-action"):
        lines.append(f"Needs: {_need(need)}.")
    rows = [
        f"| `{each['name']}` | {each['in']} | {_type(each['schema'])} | "
        f"{cell(each.get('description') or each['schema'].get('description'))} |"
        for each in operation.get("parameters", [])
        if each["in"] != "path"
    ]
    if rows:
        lines.append(
            "\n".join(["| parameter | in | type | meaning |", "| --- | --- | --- | --- |", *rows])
        )
    takes = ", ".join(
        f"{media}: {_type(content['schema'])}"
        for media, content in operation.get("requestBody", {}).get("content", {}).items()
    )
    if takes:
        lines.append(f"Takes {takes}.")
    lines.append("Answers " + "; ".join(_answers(operation)) + ".")
    return "\n\n".join(line for line in lines if line)


def _need(action: str) -> str:
    from towline.server.access.actions import NEEDS, Action

    need = NEEDS[Action(action)]
    scope = f"scope `{need.scope.value}`" if need.scope else "any key"
    return f"{scope}, role `{need.role.value}`"


def _answers(operation: Mapping[str, Any]) -> Iterator[str]:
    refusals = []
    for status, answer in sorted(operation["responses"].items()):
        if status >= "400" or not status.isdigit():
            refusals.append(status)
            continue
        kinds = [
            _type(content["schema"]) if "json" in media else f"`{media}`"
            for media, content in answer.get("content", {}).items()
            if content.get("schema", {}) or "json" not in media
        ]
        yield f"{status} {', '.join(kinds)}".strip()
    if refusals:
        yield f"problems {', '.join(refusals)}"


def _fields(schema: Mapping[str, Any]) -> str:
    needed = set(schema.get("required", ()))
    rows = [
        f"| `{name}`{'' if name in needed else ' (optional)'} | {_type(field)} | "
        f"{cell(field.get('description'))} |"
        for name, field in schema["properties"].items()
    ]
    return "\n".join(["| field | type | meaning |", "| --- | --- | --- |", *rows])


def _about(schema: Mapping[str, Any]) -> str:
    return f"{_text(schema)}\n\n" if schema.get("description") else ""


def _text(described: Mapping[str, Any]) -> str:
    return "\n".join(line.strip() for line in str(described.get("description", "")).split("\n"))


def _type(schema: Mapping[str, Any]) -> str:
    """Return a type in words; a shape of ours as a link."""
    if reference := schema.get("$ref"):
        return _named(reference.removeprefix(_REF))
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_type(each) for each in schema[several]))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        inner = schema["additionalProperties"]
        return f"mapping of {_type(inner)}" if inner else "mapping"
    if kind == "string" and schema.get("format") == "date-time":
        return "time"
    return str(kind) if kind else "any JSON"


def _named(name: str) -> str:
    if name.startswith("Page_"):
        inner = name.removeprefix("Page_").rstrip("_")
        return f"a page of {_named(inner)}"
    schema = _description()["components"]["schemas"][name]
    if not schema.get("properties"):
        return _type(schema)
    return f"[{name}](#{name.lower()})"
