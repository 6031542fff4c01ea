"""Say in one error what is wrong with a ``workflow.yaml``, each complaint with its line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from towline.clusters import LinedMapping, suggestion
from towline.errors import DefinitionError

_WORDS = {
    "string_type": "must be text (put it in quotes)",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "missing": "is missing",
    "too_short": "is empty",
}

Path = tuple[str | int, ...]


def definition_error(
    error: ValidationError, read: LinedMapping, keys_at: Mapping[Path, Iterable[str]]
) -> DefinitionError:
    """Return all complaints as one error that stands at the first one's line.

    Args:
        error: what Pydantic said.
        read: the file, for lines.
        keys_at: path of a mapping in the file: the keys that it may have.

    """
    found = []
    for item in error.errors():
        where = _in_file(item["loc"], read.values)
        found.append((where, item["type"], _complaint(item, where, keys_at)))
    below = {where[:length] for where, _, _ in found for length in range(len(where))}
    # A list whose only item is wrong is not empty as well.
    told = [(w, text) for w, kind, text in found if kind != "too_short" or w not in below]
    return several(told, read)


def several(complaints: Sequence[tuple[Path, str]], read: LinedMapping) -> DefinitionError:
    """Return complaints about places in a file as one error, the topmost first."""
    placed = [(read.place(path), _named(path, text)) for path, text in complaints]
    unique = sorted(dict.fromkeys(placed), key=lambda pair: line_of(pair[0]))
    place, first = unique[0]
    others = [f"line {line_of(where)}: {text}" for where, text in unique[1:]]
    return DefinitionError(place, "; ".join([first, *others]), f"edit {read.path}")


def line_of(place: str) -> int:
    """Return the line of a ``file:line``; 0 when it has none."""
    number = place.rpartition(":")[2]
    return int(number) if number.isdigit() else 0


def _named(path: Path, text: str) -> str:
    key = ".".join(str(part) for part in path)
    return f"{key} {text}" if key and not text.startswith("unknown key") else text


def _in_file(loc: tuple[int | str, ...], values: Any) -> Path:
    """Return a place of Pydantic's as one of the file: without the names of types in between."""
    path: list[str | int] = []
    here: Any = values
    for number, part in enumerate(loc):
        if _is_at(here, part):
            here = here[part]
            path.append(part)
        elif number == len(loc) - 1 and isinstance(here, Mapping) and part != "[key]":
            path.append(part)
    return tuple(path)


def _is_at(here: Any, part: int | str) -> bool:
    if isinstance(here, list):
        return isinstance(part, int) and part < len(here)
    return isinstance(here, Mapping) and part in here


def _complaint(item: Any, path: Path, keys_at: Mapping[Path, Iterable[str]]) -> str:
    kind, given = item["type"], item["input"]
    if kind == "extra_forbidden":
        known = list(keys_at.get(path[:-1], ()))
        hint = suggestion(str(path[-1]), known) or f" (known: {', '.join(known)})"
        return f"unknown key '{'.'.join(map(str, path))}'{hint}"
    if kind in ("value_error", "assertion_error"):
        words = str(item["ctx"]["error"])
    elif kind == "literal_error":
        words = f"must be {item['ctx']['expected']}"
    elif kind == "union_tag_invalid":
        known = [word.strip(" '") for word in item["ctx"]["expected_tags"].split(",")]
        tag = item["ctx"]["tag"]
        hint = suggestion(tag, known) or f" (known: {', '.join(known)})"
        return f"has the unknown type '{tag}'{hint}"
    else:
        words = _WORDS.get(kind, item["msg"][:1].lower() + item["msg"][1:])
    if kind in ("missing", "too_short") or not isinstance(given, (str, int, float)):
        return words
    return f"{words}, not {given!r}" if "must" in words else words
