"""An answer that says no, as the error it stands for (RFC 9457, ``application/problem+json``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from towline import errors
from towline.client.core.calls import Answer, Call
from towline.errors import (
    Forbidden,
    InputProblem,
    InputsWrong,
    NotAuthorised,
    NotThere,
    RequestRefused,
    ServerError,
    ServerFailed,
    TowlineError,
)

_LONGEST = 300
_NEW_KEY = "set TOWLINE_API_KEY to a valid key; make one on the server: towline key create NAME"


def error_of(call: Call, answer: Answer, server: str) -> TowlineError:
    """Return the error for an answer of 400 or more.

    A problem whose code names one of Towline's errors becomes that error again, so that a script
    catches the same class with a server as without. Otherwise the status decides.
    """
    problem = _problem(answer)
    kind: type[TowlineError] = _by_status(answer.status)
    # What the server says of the client's key must never be taken for what a cluster said.
    if not issubclass(kind, NotAuthorised):
        kind = _CLASSES.get(str(problem.get("code", "")), kind)
    thing = str(problem.get("thing") or _thing(call, server))
    cause = str(problem.get("cause") or problem.get("detail") or _words(answer))
    next_step = str(problem.get("next") or "")
    places = _places(problem.get("errors"))
    if kind is InputsWrong:
        return InputsWrong(thing, places, next_step)
    cause += "".join(f"\n  {place}" for place in places if str(place) not in cause)
    if kind is NotAuthorised:
        thing, next_step = f"server {server}", next_step or _NEW_KEY
        cause = f"the API key is not accepted: {cause}"
    return kind(thing, cause, next_step)


def _problem(answer: Answer) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _by_status(status: int) -> type[ServerError]:
    if status == 401:
        return NotAuthorised
    if status == 403:
        return Forbidden
    if status in (404, 410):
        return NotThere
    return ServerFailed if status >= 500 else RequestRefused


def _words(answer: Answer) -> str:
    """Return what an answer that is no problem document says: a proxy's page, most likely."""
    if answer.status in (401, 403, 404, 410):
        return f"HTTP {answer.status}"
    text = " ".join(re.sub(r"<[^>]*>", " ", answer.body.decode(errors="replace")).split())
    return f"HTTP {answer.status}{': ' if text else ''}{text[:_LONGEST]}"


def _places(found: Any) -> list[InputProblem]:
    """Return what is wrong with single fields: ``inputs.size must be at least 1``."""
    items = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    return [
        InputProblem(tuple(filter(None, str(item.get("path", "")).split("."))), str(message))
        for item in items
        if (message := item.get("message"))
    ]


def _thing(call: Call, server: str) -> str:
    return f"{call.method} {call.path} at {server}"


def _code(kind: type[TowlineError]) -> str:
    """Return the stable code of a class of errors: ``run-not-found``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind.__name__).lower()


def _all(kind: type[TowlineError]) -> Iterator[type[TowlineError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _all(each)


_CLASSES = {_code(kind): kind for kind in _all(TowlineError) if kind.__module__ == errors.__name__}
