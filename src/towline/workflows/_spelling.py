"""How names, patterns and options of a ``workflow.yaml`` may be spelt, in words for people."""

from __future__ import annotations

import functools
import re
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, StrictFloat, StrictInt, StrictStr
from pydantic_core import SchemaError, SchemaValidator

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
NAME_RULE = "a workflow's name has 1-64 of a-z, 0-9, _ and -, and begins with a letter or digit"

INPUT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


def _input_name(name: str) -> str:
    if not INPUT_NAME.fullmatch(name):
        raise ValueError("a name is a letter or _, then letters, digits, _ and - (64 at most)")
    return name


@functools.lru_cache(maxsize=256)
def _matcher(pattern: str) -> SchemaValidator:
    # Not `re`: there some patterns take hours for a short text, and nothing can interrupt them.
    return SchemaValidator({"type": "str", "pattern": f"^(?:{pattern})$"})


def matches(pattern: str, text: str) -> bool:
    """Return whether a whole text matches a pattern, in time that grows with its length only."""
    return _matcher(pattern).isinstance_python(text)


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    try:
        _matcher(text)
    except SchemaError:
        raise ValueError(
            "is no regular expression that may be used: no look-around, back-reference or \\Z"
        ) from None
    return text


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(
            "is true or false, not a text (YAML reads yes, no, on and off so): put it in quotes"
        )
    return value


def _inside(text: str) -> str:
    path = PurePosixPath(text)
    if not text or "\0" in text or path.is_absolute() or ".." in path.parts:
        raise ValueError("must be a path inside the workflow's folder")
    return text


InputName = Annotated[str, AfterValidator(_input_name)]
Pattern = Annotated[str, AfterValidator(_pattern)]
OptionValue = Annotated[StrictStr | StrictInt | StrictFloat, BeforeValidator(_no_boolean)]
InsidePath = Annotated[str, AfterValidator(_inside)]
