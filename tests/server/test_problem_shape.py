"""Whatever goes wrong, the answer has one shape and a stable code."""

from __future__ import annotations

import inspect

import httpx2
import pytest
from fastapi.exceptions import RequestValidationError
from server_fixtures import ServerInTest

from towline import errors
from towline.server.access.rules import Rule
from towline.server.problems import Problem, from_error, from_validation, kebab
from towline.server.routing import MAX_BODY_BYTES, Router

ERRORS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.TowlineError)
]


def is_problem(answer: httpx2.Response, status: int, code: str) -> bool:
    """Return whether an answer is the problem that it should be."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told = Problem.model_validate_json(answer.text)
    assert told.type == f"urn:towline:problem:{told.code}"
    assert (told.status, told.code) == (answer.status_code, told.code)
    return (told.status, told.code) == (status, code)


@pytest.mark.anyio
async def test_what_the_framework_refuses_is_a_problem_too(
    user: httpx2.AsyncClient, nobody: httpx2.AsyncClient
) -> None:
    """Not there, wrong method, unreadable, not as described, too long, wrong host, no key."""
    keys = "/api/v1/keys"
    json = {"Content-Type": "application/json"}
    assert is_problem(await user.get("/api/v1/nowhere"), 404, "not-found")
    assert is_problem(await user.get("/favicon.ico"), 404, "not-found")
    wrong_method = await user.delete(keys)
    assert is_problem(wrong_method, 405, "method-not-allowed")
    assert wrong_method.headers["allow"]
    assert is_problem(await user.post(keys, content=b"{", headers=json), 422, "invalid-request")
    assert is_problem(await user.post(keys, content=b"\xff", headers=json), 400, "bad-request")
    assert is_problem(await user.post(keys, json={}), 422, "invalid-request")
    long = b"x" * (MAX_BODY_BYTES + 1)
    assert is_problem(await user.post(keys, content=long, headers=json), 413, "body-too-large")
    assert is_problem(await user.get(keys, headers={"Host": "evil.org"}), 400, "wrong-host")
    assert is_problem(await nobody.get(keys), 401, "not-signed-in")
    assert is_problem(await user.get(f"{keys}?cursor=x"), 422, "invalid-request")
    assert is_problem(await user.get(f"{keys}?limit=0"), 422, "invalid-request")


@pytest.mark.anyio
async def test_a_field_that_is_wrong_is_named(user: httpx2.AsyncClient) -> None:
    """By its path, with what is wrong with it; all of them at once."""
    answer = await user.post("/api/v1/keys", json={"name": "", "scopes": ["read", "fly"]})
    told = Problem.model_validate_json(answer.text)
    assert {problem.path for problem in told.errors} == {"name", "scopes.1"}
    assert all(problem.message for problem in told.errors)


def test_an_answer_repeats_nothing_that_was_sent() -> None:
    """A wrong password field does not come back in the answer, nor into a log."""
    error = RequestValidationError(
        [{"loc": ("body", "password"), "msg": "too short", "input": "hunter2", "type": "x"}]
    )
    assert "hunter2" not in str(from_validation(error).body())


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_of_towline_has_a_status_and_a_code(kind: type[errors.TowlineError]) -> None:
    """A client gets the same words as the command line."""
    if kind is errors.InputsWrong:
        wrong = errors.InputProblem(("solver", "steps"), "must be at least 1")
        error: errors.TowlineError = kind("workflow x", [wrong])  # type: ignore[arg-type]
        assert from_error(error).fields == (("solver.steps", "must be at least 1"),)
    else:
        error = kind("cluster x", "went away", "look")
    told = from_error(error)
    assert 400 <= told.status < 600
    assert told.code == kebab(kind.__name__)
    assert (told.thing, told.cause, told.next_step) == (error.thing, error.cause, error.next_step)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        (errors.RunNotFound("run 7", "there is no such run"), 404, "run-not-found"),
        (errors.HostUnreachable("cluster x", "timed out"), 502, "host-unreachable"),
        (errors.DefinitionError("cluster x", "bad key"), 422, "definition-error"),
        (ZeroDivisionError("a secret of ours"), 500, "internal-error"),
    ],
)
async def test_an_error_in_a_handler_leaves_as_a_problem(
    server: ServerInTest, nobody: httpx2.AsyncClient, raised: Exception, status: int, code: str
) -> None:
    """One of Towline's with its words; a bug without its own."""
    router = Router(tags=["test"], below="")

    @router.get("/raises", rule=Rule.public("a test"))
    async def raises() -> None:
        raise raised

    server.app.router.routes.extend(router.routes)
    answer = await nobody.get("/raises")
    assert is_problem(answer, status, code)
    assert "secret" not in answer.text
