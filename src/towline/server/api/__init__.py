"""The routes, a module a noun; each is thin. Add yours as a line."""

from __future__ import annotations

from towline.server.api import (
    about,
    audit,
    cluster_power,
    cluster_types,
    clusters,
    events,
    grants,
    health,
    keys,
    launches,
    login,
    me,
    resources_2022,
    run_events,
    run_files,
    run_logs,
    run_tasks,
    runs,
    uploads,
    users,
    workflow_forms,
    workflows,
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
    clusters.router,
    cluster_power.router,
    cluster_types.router,
    resources_2022.router,
    events.router,
    about.router,
    login.router,
    me.router,
    keys.router,
    users.router,
    grants.router,
    audit.router,
    uploads.router,
    workflows.router,
    workflow_forms.router,
)
