"""The routes, a module a noun; each is thin. Add yours as a line."""

from __future__ import annotations

from towline.server.api import health, me
from towline.server.routing import Router

ROUTERS: tuple[Router, ...] = (
    health.router,
    me.router,
)
