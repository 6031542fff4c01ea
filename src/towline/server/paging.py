"""Pages of long lists: a cursor that means nothing to its reader, and a limit."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from towline.server.problems import problem

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=200, description="At most so many items.")]
Cursor = Annotated[
    str | None,
    Query(max_length=500, description="next_cursor of the page before; absent: the first page."),
]


class Page(BaseModel, Generic[T]):
    """A part of a list, in a fixed order."""

    items: list[T]
    next_cursor: str | None = Field(
        default=None, description="For the next page; null: this is the last."
    )


def make_cursor(*position: Any) -> str:
    """Return a cursor that holds where the next page begins (values that JSON knows)."""
    text = json.dumps(position, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str, *kinds: type) -> tuple[Any, ...]:
    """Return the values that `make_cursor` was given.

    Args:
        cursor: what the client sent.
        kinds: the type of each value.

    Raises:
        ProblemError: 422 ``invalid-request`` when this server did not make it for such a list.

    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        values = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        values = None
    fits = isinstance(values, list) and [type(value) for value in values] == list(kinds)
    if not fits:
        raise problem(
            422,
            "invalid-request",
            thing="the request",
            cause="cursor is not one that this list has given",
            next_step="leave cursor out to begin at the first page",
            fields=[("query.cursor", "not a cursor of this list")],
        )
    return tuple(values)
