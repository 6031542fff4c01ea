"""What this server is, and what it can do."""

from __future__ import annotations

import os
from datetime import datetime
from importlib.metadata import version
from typing import Any

import anyio
import psutil
from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse, Response

from towline.server.access.actions import Action
from towline.server.access.rules import Rule
from towline.server.api_page import CONTENT_SECURITY_POLICY, api_page
from towline.server.dependencies import ServicesDep
from towline.server.routing import Router

router = Router(tags=["server"])


class ServerInfo(BaseModel):
    """The server."""

    version: str
    address: str = Field(description="How browsers reach it.")
    started: datetime
    pid: int
    memory_bytes: int = Field(description="Resident, of the server alone; runs are not its own.")


@router.get("/server", rule=Rule(Action.SERVER_READ))
async def show_server(services: ServicesDep) -> ServerInfo:
    """Show version, address, start and memory of the server."""
    memory = await anyio.to_thread.run_sync(lambda: psutil.Process().memory_info().rss)
    return ServerInfo(
        version=version("towline"),
        address=services.address,
        started=services.started,
        pid=os.getpid(),
        memory_bytes=memory,
    )


@router.get("/openapi.json", rule=Rule(Action.SERVER_READ), response_model=dict[str, Any])
async def show_openapi(request: Request) -> Response:
    """Return this API's description, as OpenAPI 3.1."""
    if (kept := getattr(request.app.state, "openapi_bytes", None)) is None:
        import json

        kept = request.app.state.openapi_bytes = json.dumps(request.app.openapi()).encode()
    return Response(kept, media_type="application/json")


@router.get("/docs", rule=Rule(Action.SERVER_READ), include_in_schema=False)
async def show_docs(request: Request) -> HTMLResponse:
    """Return this API's description as a page; it loads nothing from elsewhere."""
    page = api_page(request.app.openapi())
    return HTMLResponse(page, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})
