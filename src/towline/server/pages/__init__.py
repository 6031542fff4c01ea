"""The pages: what a browser shows, drawn on the server from the same services as the API."""

from __future__ import annotations

from towline.server.pages import (
    cluster_form,
    cluster_list,
    cluster_page,
    home,
    run_list,
    run_log,
    run_page,
    sign_in,
    static,
    workflow_add,
    workflow_list,
    workflow_page,
)
from towline.server.routing import Router

FIRST: tuple[Router, ...] = (sign_in.router, home.router)
"""Before the API's routes, which have words of their own for those without a browser."""

PAGES: tuple[Router, ...] = (
    static.router,
    run_list.router,
    run_log.router,
    run_page.router,
    cluster_list.router,
    cluster_form.router,
    cluster_page.router,
    workflow_list.router,
    workflow_add.router,
    workflow_page.router,
)

__all__ = ["FIRST", "PAGES"]
