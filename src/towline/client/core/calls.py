"""What goes over the wire, as data: a call, its answer, or no answer."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

Value = TypeVar("Value")

API = "/api/v1"


@dataclass(frozen=True)
class Call:
    """One request to the API.

    Args:
        method: of HTTP.
        path: below ``/api/v1``, each part quoted by `path_of`.
        query: None values are left out.
        body: sent as JSON.
        headers: beside those of every request.
        again: it may be sent twice without doing more than once.
        files: form fields of a multipart body: name -> (file name, content).

    """

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    again: bool = True
    files: Mapping[str, tuple[str, bytes]] | None = None

    def params(self) -> list[tuple[str, str]]:
        """Return the query; of a list each item under the same name."""
        pairs: list[tuple[str, str]] = []
        for name, value in self.query.items():
            items = value if isinstance(value, list | tuple) else [value]
            pairs += [(name, _text(item)) for item in items if item is not None]
        return pairs


@dataclass(frozen=True)
class Answer:
    """What the server said; header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        """Return the body's data.

        Raises:
            ValueError: it is no JSON.

        """
        return json.loads(self.body)


@dataclass(frozen=True)
class NoAnswer:
    """The connection gave nothing back.

    Args:
        why: in words.
        sent: the request may have arrived; False when no connection was made at all.

    """

    why: str
    sent: bool


@dataclass(frozen=True)
class Pause:
    """Wait before the next call."""

    seconds: float


Step = Call | Pause
Reply = Answer | NoAnswer | None
Steps = Generator[Step, Reply, Value]
"""An operation: it yields what to do, is sent what came of it, and returns its result."""


def path_of(*parts: object) -> str:
    """Return a path of parts, each quoted: a name with a slash stays one part."""
    from urllib.parse import quote

    return "".join(f"/{quote(str(part), safe='')}" for part in parts)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
