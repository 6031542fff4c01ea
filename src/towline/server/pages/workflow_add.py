"""Install a workflow: from a git repository, an archive, or a folder of the server's machine."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from fastapi import Request
from starlette.responses import RedirectResponse, Response

from towline.errors import TowlineError
from towline.server.access.actions import Action
from towline.server.access.caller import Caller
from towline.server.access.principal import ObjectRef
from towline.server.access.rules import Rule
from towline.server.api.workflow_models import info
from towline.server.api.workflow_sources import MOST_ARCHIVE_BYTES
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.pages.rendering import page
from towline.server.problems import ProblemError
from towline.server.received import received_file
from towline.server.routing import Router
from towline.server.services import Services
from towline.workflows import FromArchive, FromGit, FromPath

router = Router(
    prefix="/workflows/add",
    tags=["pages"],
    below="",
    include_in_schema=False,
    max_body_size=MOST_ARCHIVE_BYTES,
)

_GIT_SECONDS = 120.0
_installing = anyio.CapacityLimiter(2)


@router.get("", rule=Rule(Action.WORKFLOW_INSTALL))
async def show_add(request: Request, caller: CallerDep) -> Response:
    """Show the ways to install a workflow."""
    return _page(request, caller, {}, None)


@router.post("", rule=Rule(Action.WORKFLOW_INSTALL))
async def add(request: Request, services: ServicesDep, caller: CallerDep) -> Response:
    """Install a workflow and show it; or say what is wrong with it, with the line."""
    form = await request.form(max_files=1, max_fields=8)
    sent = {key: value.strip() for key, value in form.items() if isinstance(value, str)}
    try:
        async with AsyncExitStack() as stack:
            source = await _source(request, services, caller, sent, stack)
            install = partial(services.catalog.add, source, sent.get("name") or None)
            installed = await anyio.to_thread.run_sync(install, limiter=_installing)
    except (TowlineError, ProblemError) as error:
        return _page(request, caller, sent, error)
    await services.access.directory.own("workflow", installed.name, caller.name)
    target = ObjectRef("workflow", installed.name, caller.name)
    made = info(installed, caller.name).model_dump(mode="json")
    await services.audit.record(caller, Action.WORKFLOW_INSTALL.value, target, after=made)
    return RedirectResponse(f"/workflows/{installed.name}", 303)


async def _source(
    request: Request,
    services: Services,
    caller: Caller,
    sent: Mapping[str, str],
    stack: AsyncExitStack,
) -> Any:
    kind = sent.get("kind")
    if kind == "archive":
        file = await stack.enter_async_context(
            received_file(request, "archive", services.uploads.folder)
        )
        return FromArchive(file.path, Path(file.name).name)
    if kind == "path":
        caller.check(Action.WORKFLOW_INSTALL_PATH)
        return FromPath(Path(sent.get("path", "")))
    # Never `local`: a URL from the network must not read this machine's disk.
    return FromGit(
        sent.get("git", ""), sent.get("ref", ""), sent.get("folder", ""), seconds=_GIT_SECONDS
    )


def _page(
    request: Request,
    caller: Caller,
    sent: Mapping[str, str],
    error: TowlineError | ProblemError | None,
) -> Response:
    return page(
        request,
        "workflows/add.html",
        422 if error else 200,
        sent=sent,
        error=error,
        may_path=caller.may(Action.WORKFLOW_INSTALL_PATH),
    )
