"""What a CI step is asked to do, read from texts: all that a CI system can pass on."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from towline.errors import DefinitionError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Asked:
    """A step.

    Args:
        workflow: its name on the server; empty: clusters only.
        inputs: what its form asks for.
        clusters: those to switch on where they are off.
        stop_clusters: switch off at the end those that were switched on.
        seconds: for all of it, before the run is cancelled.
        folder: where the outputs go; None: nowhere.
        title: of the run.

    """

    workflow: str
    inputs: dict[str, Any] = field(default_factory=dict)
    clusters: tuple[str, ...] = ()
    stop_clusters: bool = True
    seconds: float = 6 * 3600.0
    folder: Path | None = None
    title: str | None = None


def read_clusters(text: str) -> tuple[str, ...]:
    """Return cluster names from a text: between commas, blanks or lines, or, as in 2022, ``---``.

    ``---`` alone means none.
    """
    found = [name for name in re.split(r"[\s,]+|---", text) if name]
    return tuple(dict.fromkeys(found))


def read_inputs(text: str, name: str = "inputs") -> dict[str, Any]:
    """Return inputs from a JSON object; an empty text is an empty one.

    Raises:
        DefinitionError: it is no JSON object.

    """
    try:
        data = json.loads(text or "{}")
    except ValueError as error:
        raise DefinitionError(name, f"is not JSON: {error}", 'such as {"name": "value"}') from error
    if not isinstance(data, dict):
        raise DefinitionError(name, "is no JSON object", 'such as {"name": "value"}')
    return data


def read_seconds(text: str) -> float:
    """Return a span of time: ``90`` or ``90s``, ``30m``, ``2h``, ``1d``, ``1:30:00``.

    Raises:
        DefinitionError: it is none, or not positive.

    """
    text = text.strip().lower()
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text)
    clock = re.fullmatch(r"(?:(\d+):)?(\d+):(\d\d)", text)
    seconds = 0.0
    if found:
        seconds = float(found[1]) * _UNITS[found[2] or "s"]
    elif clock:
        seconds = int(clock[1] or 0) * 3600.0 + int(clock[2]) * 60 + int(clock[3])
    if not seconds:
        raise DefinitionError("timeout", f"{text!r} is no time", "such as 90s, 30m, 2h or 1:30:00")
    return seconds
