"""One shape for everything that goes wrong: RFC 9457, with a stable code."""

from __future__ import annotations

import http
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from towline import errors
from towline.folders import disk_fault

MEDIA_TYPE = "application/problem+json"

STATUS: dict[type[errors.TowlineError], int] = {
    errors.DefinitionError: 422,
    errors.WorkflowNotFound: 404,
    errors.WorkflowExists: 409,
    errors.ReachError: 502,
    errors.LoginNeeded: 409,
    errors.CommandTimedOut: 504,
    errors.SiteError: 502,
    errors.SubmitRefused: 422,
    errors.EnvironmentFault: 422,
    errors.RunError: 409,
    errors.RunNotFound: 404,
    errors.TestbedError: 503,
}
"""The answer's status by error; a subclass has that of its nearest base. Others: 500."""


_CODES = {
    400: "bad-request",
    404: "not-found",
    405: "method-not-allowed",
    413: "body-too-large",
    500: "internal-error",
}
"""Of what the framework refuses by itself; not the phrases of HTTP, which change with Python."""


class FieldProblem(BaseModel):
    """One field of a request that is wrong."""

    path: str = Field(description="Where: names and indices with dots; empty: the whole.")
    message: str


class Problem(BaseModel):
    """What every answer with a status of 400 or more looks like."""

    type: str = Field(description="urn:towline:problem:<code>")
    title: str
    status: int
    detail: str = Field(description="All in one sentence or two, for people.")
    code: str = Field(description="Stable; what programs should look at.")
    thing: str = Field(description="What it is about.")
    cause: str
    next: str = Field(description="What to do or type next; may be empty.")
    errors: list[FieldProblem] = Field(default=[], description="By field, for a wrong request.")


class ProblemError(Exception):
    """Ends a request with a problem.

    Args:
        status: HTTP status, 400 or more.
        code: stable, in kebab case.
        thing: what it is about.
        cause: one sentence.
        next_step: what to do next.
        fields: what is wrong, by path.
        headers: more headers for the answer.

    """

    def __init__(
        self,
        status: int,
        code: str,
        *,
        thing: str,
        cause: str,
        next_step: str = "",
        fields: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, code, thing, cause)
        self.status = status
        self.code = code
        self.thing = thing
        self.cause = cause
        self.next_step = next_step
        self.fields = tuple(fields)
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the answer's body."""
        return {
            "type": f"urn:towline:problem:{self.code}",
            "title": self.code.replace("-", " "),
            "status": self.status,
            "detail": f"{self.thing}: {self.cause}" if self.thing else self.cause,
            "code": self.code,
            "thing": self.thing,
            "cause": self.cause,
            "next": self.next_step,
            "errors": [{"path": path, "message": message} for path, message in self.fields],
        }

    def response(self) -> Response:
        """Return the answer."""
        return Response(
            # Half a surrogate pair, echoed from a request, leaves as the escape that it came as.
            json.dumps(self.body(), ensure_ascii=False).encode("utf-8", "backslashreplace"),
            self.status,
            headers={"Cache-Control": "no-store", **self.headers},
            media_type=MEDIA_TYPE,
        )


problem = ProblemError
"""``raise problem(409, "cluster-busy", thing=…, cause=…, next_step=…)``."""


def kebab(name: str) -> str:
    """Return a class name as a code: ``RunNotFound`` is ``run-not-found``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def from_error(error: errors.TowlineError) -> ProblemError:
    """Return the problem that says what a `TowlineError` says."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    fields = [
        (".".join(str(part) for part in p.path), p.message) for p in getattr(error, "problems", ())
    ]
    return ProblemError(
        status,
        kebab(type(error).__name__),
        thing=error.thing,
        cause=error.cause,
        next_step=error.next_step,
        fields=fields,
    )


def from_validation(error: RequestValidationError) -> ProblemError:
    """Return the problem of a request that is not as the API's description says."""
    fields = [(_path(found["loc"]), str(found["msg"])) for found in error.errors()]
    where = ", ".join(path for path, _ in fields if path)
    return ProblemError(
        422,
        "invalid-request",
        thing="the request",
        cause=f"wrong: {where}" if where else "it cannot be read",
        next_step="see errors, and /api/v1/openapi.json",
        fields=fields,
    )


def _path(location: Sequence[int | str]) -> str:
    """Return where in a request: a field of the body by itself, others after what holds them."""
    parts = [str(part) for part in location]
    if parts and parts[0] == "body":
        parts = parts[1:]
    return ".".join(parts)


def from_http(error: HTTPException) -> ProblemError:
    """Return the problem of what the framework refuses by itself."""
    return from_status(error.status_code, error.detail, error.headers)


def from_status(
    status: int, cause: str = "", headers: Mapping[str, str] | None = None
) -> ProblemError:
    """Return the problem of a plain status."""
    code = _CODES.get(status, f"http-{status}")
    said = cause or http.HTTPStatus(status).phrase
    return ProblemError(status, code, thing="the request", cause=said, headers=headers)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what a route declares for these statuses: ``responses=problems(404, 409)``."""
    return {
        status: {
            "description": http.HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Let every error of this application leave as a problem."""
    from towline.server.pages.errors import error_page, is_for_a_page

    def answer(request: Request, error: ProblemError) -> Response:
        return error_page(request, error) if is_for_a_page(request) else error.response()

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)  # noqa: S101 - as registered below
        return answer(request, error)

    async def on_towline(request: Request, error: Exception) -> Response:
        assert isinstance(error, errors.TowlineError)  # noqa: S101
        return answer(request, from_error(error))

    async def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return answer(request, from_validation(error))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        return answer(request, from_http(error))

    async def on_bug(request: Request, error: Exception) -> Response:
        if (fault := disk_fault(error)) is not None:
            full = ProblemError(
                507,
                "disk-fault",
                thing="the server's disk",
                cause=fault,
                next_step="on the server's machine: df -h, and server.log; then try again",
            )
            return answer(request, full)
        return answer(
            request,
            ProblemError(
                500,
                "internal-error",
                thing="the server",
                cause="something is wrong in Towline itself; its log has the details",
                next_step="see server.log (towline status says where), and report it",
            ),
        )

    app.add_exception_handler(ProblemError, on_problem)
    app.add_exception_handler(errors.TowlineError, on_towline)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_bug)
