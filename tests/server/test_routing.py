"""A route has a rule, or there is no route."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute

from towline.server import Settings, create_app
from towline.server.access.actions import Action
from towline.server.access.rules import Rule
from towline.server.routing import PREFIX, Router, RuledRoute


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_a_route_without_a_rule_cannot_be_written(method: str) -> None:
    """The mistake is found when the module is imported, not when somebody finds the hole."""
    with pytest.raises(TypeError):
        getattr(Router(tags=["x"]), method)("/hole")(lambda: None)


def test_a_route_added_by_another_way_needs_a_rule_too() -> None:
    """Also by FastAPI's own names."""
    with pytest.raises(TypeError, match="has no rule"):
        Router(tags=["x"]).add_api_route("/hole", lambda: None)
    with pytest.raises(TypeError, match="has no rule"):
        Router(tags=["x"]).api_route("/hole", methods=["GET"])(lambda: None)


def test_every_route_of_the_application_has_a_rule() -> None:
    """No other kind of route is there: no mount, no plain route, no socket."""
    routes = create_app(Settings()).routes
    assert routes
    assert [route for route in routes if not isinstance(route, RuledRoute)] == []


def test_only_these_routes_are_open_to_all() -> None:
    """A route that is opened to all is a decision; it is made here too."""
    routes = create_app(Settings()).routes
    public = {
        f"{','.join(route.methods or ())} {route.path}": route.rule.why_public
        for route in routes
        if isinstance(route, RuledRoute) and route.rule.action is None
    }
    assert all(public.values())
    assert set(public) == {
        "GET /healthz",
        "GET /login",
        "GET /static/{version}/{name:path}",
        "POST /login",
        "POST /api/v1/login",
    }


def test_no_read_changes_anything_by_its_method() -> None:
    """An action that is not a read never hides behind GET."""
    reads = {action for action in Action if action.value.endswith(".read")}
    routes = [r for r in create_app(Settings()).routes if isinstance(r, APIRoute)]
    wrong = [
        route.path
        for route in routes
        if "GET" in (route.methods or ())
        and route.path.startswith(PREFIX)  # a page with a form asks for what the form does
        and isinstance(route, RuledRoute)
        and route.rule.action is not None
        and route.rule.action not in reads
    ]
    assert wrong == []


def test_a_rule_says_an_action_or_why_there_is_none() -> None:
    """Neither both nor none."""
    with pytest.raises(ValueError, match="an action"):
        Rule(None)
    with pytest.raises(ValueError, match="an action"):
        Rule(Action.ME_READ, why_public="because")
