"""Routes that carry a rule: without one a route cannot be written."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from towline.server.access.actions import NEEDS
from towline.server.access.authorize import authorize
from towline.server.access.caller import refusal
from towline.server.access.rules import Rule
from towline.server.problems import problems

PREFIX = "/api/v1"
MAX_BODY_BYTES = 1 << 20
"""Of a request, where its route does not say otherwise (``max_body_size=``)."""

_Handler = TypeVar("_Handler", bound=Callable[..., Any])
_Handle = Callable[[Request], Coroutine[Any, Any, Response]]


class RuledRoute(APIRoute):
    """A route that knows who is calling, and whether they may, before it reads the body."""

    def __init__(self, path: str, endpoint: Callable[..., Any], *, rule: Rule, **rest: Any) -> None:
        self.rule = rule
        declared = dict(rest.pop("responses", None) or {})
        rest["responses"] = {**problems(*_always(path, rule)), **declared}
        super().__init__(path, endpoint, **rest)

    def get_route_handler(self) -> _Handle:
        """Return the handler behind its rule."""
        return guarded(self.rule, super().get_route_handler())


def _always(path: str, rule: Rule) -> tuple[int, ...]:
    found = () if rule.action is None else (401, 403)
    return (*found, 404) if "{" in path else found


def guarded(rule: Rule, handle: _Handle) -> _Handle:
    """Return the handler, run only for those whom the rule lets through."""
    action = rule.action
    if action is None:
        return handle
    if action not in NEEDS:
        raise ValueError(f"{action} has no line in NEEDS")

    async def after_the_rule(request: Request) -> Response:
        caller = await request.app.state.services.access.caller(request)
        decision = authorize(caller.principal, action)
        if not decision.allowed:
            raise refusal(decision, action, None)
        request.scope["towline.caller"] = caller
        return await handle(request)

    return after_the_rule


class Router(APIRouter):
    """The routes of one noun, below ``/api/v1``; each has a rule.

    Args:
        prefix: the noun's path, such as ``/runs``.
        tags: how the API's description groups them.
        below: what comes before the prefix; empty for the few routes outside the API.

    """

    def __init__(
        self, *, prefix: str = "", tags: list[str], below: str = PREFIX, **rest: Any
    ) -> None:
        rest.setdefault("max_body_size", MAX_BODY_BYTES)
        super().__init__(prefix=below + prefix, tags=list(tags), **rest)

    def api_route(self, path: str, **rest: Any) -> Callable[[_Handler], _Handler]:
        """Return the decorator that adds a route for any method."""

        def add(handler: _Handler) -> _Handler:
            self.add_api_route(path, handler, **rest)
            return handler

        return add

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **rest: Any) -> None:
        """Add a route.

        Raises:
            TypeError: when it has no rule.

        """
        rule = rest.pop("rule", None)
        if not isinstance(rule, Rule):
            raise TypeError(f"{self.prefix}{path} has no rule: rule=Rule(Action.…) is missing")
        rest["route_class_override"] = functools.partial(RuledRoute, rule=rule)
        super().add_api_route(path, endpoint, **rest)

    def get(self, path: str, *, rule: Rule, **rest: Any) -> Callable[[_Handler], _Handler]:  # type: ignore[override]
        """Return the decorator of a GET route."""
        return self.api_route(path, rule=rule, methods=["GET"], **rest)

    def post(self, path: str, *, rule: Rule, **rest: Any) -> Callable[[_Handler], _Handler]:  # type: ignore[override]
        """Return the decorator of a POST route."""
        return self.api_route(path, rule=rule, methods=["POST"], **rest)

    def put(self, path: str, *, rule: Rule, **rest: Any) -> Callable[[_Handler], _Handler]:  # type: ignore[override]
        """Return the decorator of a PUT route."""
        return self.api_route(path, rule=rule, methods=["PUT"], **rest)

    def patch(self, path: str, *, rule: Rule, **rest: Any) -> Callable[[_Handler], _Handler]:  # type: ignore[override]
        """Return the decorator of a PATCH route."""
        return self.api_route(path, rule=rule, methods=["PATCH"], **rest)

    def delete(self, path: str, *, rule: Rule, **rest: Any) -> Callable[[_Handler], _Handler]:  # type: ignore[override]
        """Return the decorator of a DELETE route."""
        return self.api_route(path, rule=rule, methods=["DELETE"], **rest)
