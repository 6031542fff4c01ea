"""Answers as models; an answer that is none of ours is the server's fault, in words."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from towline.client.core.calls import Answer, Call
from towline.client.models import Record
from towline.errors import ServerFailed

Model = TypeVar("Model", bound=Record)


def data_of(call: Call, answer: Answer, server: str) -> Any:
    """Return the JSON of an answer.

    Raises:
        ServerFailed: it is none: this is no Towline server, or something stands before it.

    """
    try:
        return answer.json()
    except ValueError as error:
        raise _not_ours(call, answer, server, "the answer is not JSON") from error


def record_of(kind: type[Model], call: Call, answer: Answer, server: str) -> Model:
    """Return one record.

    Raises:
        ServerFailed: the answer is not one.

    """
    return _validate(kind, data_of(call, answer, server), call, answer, server)


def page_of(
    kind: type[Model], call: Call, answer: Answer, server: str
) -> tuple[list[Model], str | None]:
    """Return the records of a page, and the cursor of the next one; None: it was the last.

    Raises:
        ServerFailed: the answer is no page.

    """
    data = data_of(call, answer, server)
    if isinstance(data, list):
        data = {"items": data}
    if not isinstance(data, dict) or not isinstance(data.get("items"), list):
        raise _not_ours(call, answer, server, "the answer is no page of records")
    items = [_validate(kind, item, call, answer, server) for item in data["items"]]
    return items, data.get("next_cursor") or None


def _validate(kind: type[Model], data: Any, call: Call, answer: Answer, server: str) -> Model:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        words = f"the answer is no {kind.__name__} ({where}: {first['msg']})"
        raise _not_ours(call, answer, server, words) from error


def _not_ours(call: Call, answer: Answer, server: str, what: str) -> ServerFailed:
    kind = answer.headers.get("content-type", "no content type")
    return ServerFailed(
        f"server {server}",
        f"{call.method} {call.path}: {what} (HTTP {answer.status}, {kind})",
        "is this the address of a Towline server, of this version?",
    )
