"""Whether one value fits its field, and what it is as a typed value. Pure; no file is looked at."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from towline.workflows._spelling import matches
from towline.workflows.fields import (
    BooleanField,
    ChoiceField,
    FileField,
    InputField,
    IntegerField,
    MultiChoiceField,
    NumberField,
    Option,
    SecretField,
    StringField,
    TextField,
)

LONGEST_TEXT = 1_000_000
"""Characters of a text at most; more belongs into a file."""

_WHOLE = range(-(2**63), 2**63)
_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})


def typed(field: InputField, value: Any) -> Any:
    """Return a value as its field's type: text from a form or a command line is read.

    Not for groups, lists and empty values.

    Raises:
        ValueError: the value does not fit; its words fit behind the field's name.

    """
    for kind, check in _CHECKS.items():
        if isinstance(field, kind):
            return check(field, value)
    return _word(field, value)


def is_empty(field: InputField, value: Any) -> bool:
    """Return whether a value says nothing: absent, or what a form sends for an untouched field."""
    if value is None:
        return True
    if isinstance(field, (StringField, TextField)):
        return value == "" and field.needed
    if isinstance(field, ChoiceField):
        return value == "" and not any(option.value == "" for option in field.options)
    return isinstance(value, str) and value == ""


def shown(value: Any) -> str:
    """Return a value as a message may quote it: short, and never a whole structure."""
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, Mapping):
        return "a mapping"
    text = repr(value) if isinstance(value, (str, int, float, bool)) else type(value).__name__
    return text if len(text) <= 60 else f"{text[:57]}…"


def _text(field: Any, value: Any) -> str:
    text = _plain_text(value)
    if field.min_length is not None and len(text) < field.min_length:
        raise ValueError(f"must have at least {field.min_length} characters, not {len(text)}")
    if field.max_length is not None and len(text) > field.max_length:
        raise ValueError(f"must have at most {field.max_length} characters, not {len(text)}")
    return text


def _string(field: Any, value: Any) -> str:
    text = _text(field, value)
    if "\n" in text or "\r" in text:
        raise ValueError("must be one line")
    if field.pattern is not None and not matches(field.pattern, text):
        rule = field.pattern_help or f"must match {field.pattern}"
        raise ValueError(f"{rule}, not {shown(text)}")
    return text


def _plain_text(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = _digits(value)  # a default such as 2022, written without quotes
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {shown(value)}")
    if "\0" in value:
        raise ValueError("must not hold the character NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half a character (a lone surrogate)") from None
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"must have at most {LONGEST_TEXT} characters; use a file for more")
    return value


def _digits(value: int | float) -> str:
    try:
        return str(value)
    except ValueError:  # Python writes no more than 4300 digits
        raise ValueError("is too long a number") from None


def _integer(field: Any, value: Any) -> int:
    number = _read_integer(value)
    if number is None:
        raise ValueError(f"must be a whole number, not {_shown_number(value)}")
    if number not in _WHOLE:
        raise ValueError("must fit into 64 bits")
    _in_bounds(field, number)
    if field.step is not None and (number - (field.min or 0)) % field.step:
        start = f", counted from {field.min}" if field.min else ""
        raise ValueError(f"must be a multiple of {field.step}{start}, not {number}")
    return number


def _read_integer(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value == int(value) else None
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,100}\s*", value):
        return int(value)
    return None


def _number(field: Any, value: Any) -> float | int:
    number: float | int | None = None
    if isinstance(value, str) and len(value) <= 100 and "_" not in value:
        try:
            number = int(value) if re.fullmatch(r"\s*[+-]?[0-9]+\s*", value) else float(value)
        except ValueError:
            number = None
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = value
    if number is None or (isinstance(number, float) and not math.isfinite(number)):
        raise ValueError(f"must be a number, not {_shown_number(value)}")
    if isinstance(number, int) and number not in _WHOLE:
        raise ValueError("must fit into 64 bits")
    _in_bounds(field, number)
    return number


def _shown_number(value: Any) -> str:
    return shown(value) if not isinstance(value, int) or value in _WHOLE else "one so large"


def _in_bounds(field: Any, number: float) -> None:
    if field.min is not None and number < field.min:
        raise ValueError(f"must be at least {field.min}, not {number}")
    if field.max is not None and number > field.max:
        raise ValueError(f"must be at most {field.max}, not {number}")


def _boolean(field: Any, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    if word in _YES or word in _NO:
        return word in _YES
    raise ValueError(f"must be true or false, not {shown(value)}")


def _choice(field: Any, value: Any) -> str | int | float:
    options: tuple[Option, ...] = field.options
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        for option in options:
            if option.value == value and isinstance(option.value, str) == isinstance(value, str):
                return option.value
        for option in options:
            if isinstance(value, str) and str(option.value) == value:
                return option.value
    known = ", ".join(str(option.value) for option in options[:20])
    more = f" and {len(options) - 20} more" if len(options) > 20 else ""
    raise ValueError(f"must be one of {known}{more}, not {shown(value)}")


def _choices(field: Any, value: Any) -> list[str | int | float]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"must be a list, not {shown(value)}")
    chosen: list[str | int | float] = []
    for each in value:
        try:
            one = _choice(field, each)
        except ValueError as error:
            raise ValueError(f"each {error}") from None
        if one not in chosen:
            chosen.append(one)
    if len(chosen) < field.min:
        raise ValueError(f"needs at least {field.min} values, not {len(chosen)}")
    if field.max is not None and len(chosen) > field.max:
        raise ValueError(f"takes at most {field.max} values, not {len(chosen)}")
    return chosen


def _file(field: Any, value: Any) -> str:
    return _one_line(value)


def _word(field: Any, value: Any) -> str:
    word = _one_line(value)
    if not re.fullmatch(r"[^\s-]\S*", word):
        raise ValueError(f"must be one word without a '-' in front, not {shown(word)}")
    if len(word) > 255:
        raise ValueError("must have at most 255 characters")
    return word


def _one_line(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {shown(value)}")
    text = _plain_text(value)
    if "\n" in text or "\r" in text:
        raise ValueError("must be one line")
    return text


LONGEST_SECRET = 16_000
"""Bytes of all secrets of a run: what fits into a pipe of any system."""


def _secret(field: Any, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")  # never quoted: it may be a secret in another form
    text = _plain_text(value)
    if len(text.encode()) > LONGEST_SECRET:
        raise ValueError(f"must have at most {LONGEST_SECRET} bytes")
    return text


_CHECKS: dict[type[InputField], Callable[[Any, Any], Any]] = {
    StringField: _string,
    TextField: _text,
    IntegerField: _integer,
    NumberField: _number,
    BooleanField: _boolean,
    ChoiceField: _choice,
    MultiChoiceField: _choices,
    FileField: _file,
    SecretField: _secret,
}
