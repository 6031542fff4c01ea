"""Browsers come in and leave."""

from __future__ import annotations

from fastapi import Request, Response
from pydantic import BaseModel, Field

from towline.server.access.actions import ALL_SCOPES, Action
from towline.server.access.cookies import cookie_in, cookie_name, set_cookie
from towline.server.access.passwords import LONGEST
from towline.server.access.principal import ObjectRef
from towline.server.access.rules import Rule
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.problems import ProblemError, problem, problems
from towline.server.routing import Router
from towline.server.services import Services

router = Router(tags=["access"])


class Credentials(BaseModel):
    """Who somebody says to be."""

    user: str = Field(max_length=64)
    password: str = Field(max_length=LONGEST)


class LoggedIn(BaseModel):
    """The browser has its cookie."""

    name: str


class LoginLink(BaseModel):
    """A link that logs its opener in, once, within five minutes."""

    url: str


@router.post(
    "/login",
    rule=Rule.public("it is how a browser comes in; asks for a password, a few times"),
    responses=problems(401, 429),
)
async def log_in(
    request: Request, response: Response, body: Credentials, services: ServicesDep
) -> LoggedIn:
    """Log a browser in by name and password."""
    address = request.client.host if request.client else ""
    try:
        cookie = await services.access.logins.by_password(
            body.user, body.password, address, _old_cookie(request, services)
        )
    except ProblemError as refused:
        if refused.status == 401:
            await services.audit.record(
                None, "login.refused", ObjectRef("user", body.user), after={"address": address}
            )
        raise
    response.headers["Set-Cookie"] = set_cookie(services.settings, cookie)
    return LoggedIn(name=body.user)


@router.post("/logout", rule=Rule(Action.ME_READ), status_code=204)
async def log_out(request: Request, response: Response, services: ServicesDep) -> None:
    """Log this browser out; a key stays what it is."""
    if cookie := _old_cookie(request, services):
        await services.access.logins.end(cookie)
    response.headers["Set-Cookie"] = set_cookie(services.settings, "")


@router.post("/login-links", rule=Rule(Action.LOGIN_LINK), status_code=201)
async def make_login_link(caller: CallerDep, services: ServicesDep) -> LoginLink:
    """Make a link that logs the caller's browser in; it works once, for five minutes."""
    if caller.scopes != ALL_SCOPES:  # a browser can do everything that its user may
        raise problem(
            403,
            "wrong-scope",
            thing="the log-in link",
            cause="a key of some scopes cannot make a log-in of all",
            next_step="use a key that has all scopes",
        )
    token = services.access.logins.make_link(caller.name)
    return LoginLink(url=f"{services.address}/login?token={token}")


def _old_cookie(request: Request, services: Services) -> str | None:
    return cookie_in(request.headers.getlist("cookie"), cookie_name(services.settings))
