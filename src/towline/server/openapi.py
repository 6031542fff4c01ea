"""The API's description: what FastAPI finds out, with our one shape of errors."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from towline.server.problems import Problem, problems
from towline.server.routing import RuledRoute

_ABOUT = """Clusters, workflows and runs. Every answer of 400 or more is a problem (RFC 9457) with \
a stable `code`. Lists come in pages: `next_cursor` is the next page's `cursor`. Streams are \
server-sent events; a client that was cut off goes on with `Last-Event-ID`."""


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the description as OpenAPI 3.1; made once."""
    if app.openapi_schema:
        return app.openapi_schema
    schema = get_openapi(
        title=app.title, version=app.version, description=_ABOUT, routes=app.routes
    )
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "An API key: tl_…"},
        "basic": {"type": "http", "scheme": "basic", "description": "The key as the password."},
    }
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                _complete(schema["paths"][route.path_format][method.lower()], route)
    app.openapi_schema = schema
    return schema


def _complete(operation: dict[str, Any], route: APIRoute) -> None:
    always = [422] if "422" in operation["responses"] else []
    if "requestBody" in operation:
        always += [400, 413]  # it cannot be read at all; it is too long
    for status in always:
        operation["responses"][str(status)] = problems(status)[status]
    if isinstance(route, RuledRoute) and route.rule.action is not None:
        operation["security"] = [{"key": []}, {"basic": []}]
        operation["x-action"] = route.rule.action.value
