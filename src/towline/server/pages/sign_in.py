"""Browsers come in, by a link that works once or by a password, and leave."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from towline.server.access.actions import Action
from towline.server.access.cookies import cookie_in, cookie_name, set_cookie
from towline.server.access.passwords import LONGEST
from towline.server.access.principal import ObjectRef
from towline.server.access.rules import Rule
from towline.server.dependencies import ServicesDep
from towline.server.pages.errors import is_for_a_page
from towline.server.pages.rendering import page
from towline.server.problems import ProblemError
from towline.server.routing import Router
from towline.server.services import Services

router = Router(tags=["pages"], below="", include_in_schema=False)


@router.get("/login", rule=Rule.public("it is how a browser comes in"))
async def show_sign_in(
    request: Request,
    services: ServicesDep,
    token: str = "",
    next: str = "/",  # noqa: A002 - what stands in the address
) -> Response:
    """Show the form, or exchange a link's token for a cookie."""
    if not token:
        if await services.access.still_valid(request):
            return RedirectResponse(local_path(next), 303)
        return page(request, "sign_in.html", next=local_path(next), name="", error=None)
    try:
        cookie = await services.access.logins.by_link(token, _old_cookie(request, services))
    except ProblemError as refused:
        if not is_for_a_page(request):
            raise
        return page(request, "sign_in.html", refused.status, next="/", name="", error=refused)
    return _signed_in(services, cookie, "/")


@router.post("/login", rule=Rule.public("it is how a browser comes in; asks for a password"))
async def sign_in(
    request: Request,
    services: ServicesDep,
    user: Annotated[str, Form(max_length=64)] = "",
    password: Annotated[str, Form(max_length=LONGEST)] = "",
    next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002
) -> Response:
    """Exchange name and password for a cookie."""
    address = request.client.host if request.client else ""
    try:
        cookie = await services.access.logins.by_password(
            user, password, address, _old_cookie(request, services)
        )
    except ProblemError as refused:
        if refused.status == 401:
            about = {"address": address}
            await services.audit.record(None, "login.refused", ObjectRef("user", user), after=about)
        where = local_path(next)
        return page(request, "sign_in.html", refused.status, next=where, name=user, error=refused)
    return _signed_in(services, cookie, local_path(next))


@router.post("/logout", rule=Rule(Action.ME_READ))
async def sign_out(request: Request, services: ServicesDep) -> Response:
    """End this browser's log-in."""
    if cookie := _old_cookie(request, services):
        await services.access.logins.end(cookie)
    answer = RedirectResponse("/login", 303)
    answer.headers["Set-Cookie"] = set_cookie(services.settings, "")
    return answer


def local_path(path: str) -> str:
    """Return a path on this server; anything that might lead elsewhere becomes ``/``."""
    plain = path.startswith("/") and not path.startswith("//") and path.isprintable()
    return path if plain and "\\" not in path else "/"


def _signed_in(services: Services, cookie: str, where: str) -> Response:
    answer = RedirectResponse(where, 303)
    answer.headers["Set-Cookie"] = set_cookie(services.settings, cookie)
    return answer


def _old_cookie(request: Request, services: Services) -> str | None:
    return cookie_in(request.headers.getlist("cookie"), cookie_name(services.settings))
