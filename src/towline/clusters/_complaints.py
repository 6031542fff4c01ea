"""Turn what Pydantic found wrong in a file into one error in words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from towline.clusters._yaml_lines import LinedMapping
from towline.clusters.definition import WRONG_TYPE
from towline.errors import DefinitionError, InputProblem

_EXPECTED = {
    "string_type": "must be text (put it in quotes)",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "list_type": "must be a list",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "missing": "is missing",
    "too_short": "is empty; leave the key out instead",
}


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` when a known word resembles this one, else nothing."""
    near = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""


def definition_error(
    error: ValidationError, read: LinedMapping, model: type[BaseModel]
) -> DefinitionError:
    """Return all complaints as one error that stands at the first one's line."""
    complaints = sorted(
        ((read.place(item["loc"]), _complaint(item, model)) for item in error.errors()),
        key=lambda pair: _line(pair[0]),
    )
    place, first = complaints[0]
    others = [f"line {_line(where)}: {text}" for where, text in complaints[1:]]
    return DefinitionError(place, "; ".join([first, *others]), f"edit {read.path}")


def problems_of(error: ValidationError, model: type[BaseModel]) -> tuple[InputProblem, ...]:
    """Return all complaints, each with the keys that lead to it."""
    return tuple(InputProblem(item["loc"], _complaint(item, model)) for item in error.errors())


def _line(place: str) -> int:
    number = place.rpartition(":")[2]
    return int(number) if number.isdigit() else 0


def _complaint(item: Any, model: type[BaseModel]) -> str:
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        keys = list(model.model_fields)
        hint = suggestion(key, keys) or f" (known: {', '.join(keys)})"
        return f"unknown key '{key}'{hint}"
    if item["type"] == "value_error":
        words = str(item["ctx"]["error"])
    elif item["type"] == WRONG_TYPE:
        words, *more = item["msg"].split("; ", 1)
        return "; ".join([f"type {words}, not {item['input']!r}", *more])
    elif item["type"] == "literal_error":
        words = f"must be {item['ctx']['expected']}"
    else:
        words = _EXPECTED.get(item["type"], item["msg"][:1].lower() + item["msg"][1:])
    if not key:
        return words
    given = item["input"]
    shown = "" if item["type"] == "missing" or isinstance(given, dict) else f", not {given!r}"
    return f"{key} {words}{shown}" if words != _EXPECTED["too_short"] else f"{key} {words}"
