"""The routes, a module a noun; each is thin. Add yours as a line."""

from __future__ import annotations

from towline.server.api import about, audit, grants, health, keys, login, me, users
from towline.server.routing import Router

ROUTERS: tuple[Router, ...] = (
    health.router,
    about.pages,
    about.router,
    login.pages,
    login.router,
    me.router,
    keys.router,
    users.router,
    grants.router,
    audit.router,
)
