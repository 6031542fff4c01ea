"""The routes, a module a noun; each is thin. Add yours as a line."""

from __future__ import annotations

from towline.server.api import (
    about,
    audit,
    events,
    grants,
    health,
    keys,
    launches,
    login,
    me,
    run_events,
    run_files,
    run_logs,
    run_tasks,
    runs,
    users,
)
from towline.server.routing import Router

ROUTERS: tuple[Router, ...] = (
    health.router,
    runs.router,
    launches.router,
    run_logs.router,
    run_events.router,
    run_tasks.router,
    run_files.router,
    events.router,
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
