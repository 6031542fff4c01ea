"""The pages: what a browser shows, drawn on the server from the same services as the API."""

from __future__ import annotations

from towline.server.pages import home, run_list, run_log, run_page, sign_in, static
from towline.server.routing import Router

FIRST: tuple[Router, ...] = (sign_in.router, home.router)
"""Before the API's routes, which have words of their own for those without a browser."""

PAGES: tuple[Router, ...] = (static.router, run_list.router, run_log.router, run_page.router)

__all__ = ["FIRST", "PAGES"]
