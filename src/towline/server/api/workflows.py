"""Workflows: what is installed, and installing, updating, removing them."""

from __future__ import annotations

from functools import partial

import anyio
import anyio.to_thread
from fastapi import Request

from towline.server.access.actions import Action
from towline.server.access.caller import Caller
from towline.server.access.principal import ObjectRef
from towline.server.access.rules import Rule
from towline.server.api.workflow_models import (
    Version,
    WorkflowDetails,
    WorkflowInfo,
    WorkflowName,
    WorkflowToInstall,
    details,
    info,
)
from towline.server.api.workflow_sources import BODY, MOST_ARCHIVE_BYTES, wanted_source
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.paging import Cursor, Limit, Page, make_cursor, read_cursor
from towline.server.problems import problems
from towline.server.routing import Router
from towline.server.services import Services
from towline.workflows import Installed
from towline.workflows.sources.read import same_again

router = Router(prefix="/workflows", tags=["workflows"], max_body_size=MOST_ARCHIVE_BYTES)

_installing = anyio.CapacityLimiter(4)
"""Fetching and unpacking; each may take minutes, and none is to keep the others' threads."""


@router.get("", rule=Rule(Action.WORKFLOW_READ), responses=problems(422))
async def list_workflows(
    caller: CallerDep, services: ServicesDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[WorkflowInfo]:
    """List the workflows that one may see, by name, each in its newest version."""
    after = read_cursor(cursor, str)[0] if cursor else ""
    found: list[Installed] = await anyio.to_thread.run_sync(services.catalog.list)
    seen = [
        w for w in found if w.name > after and caller.may(Action.WORKFLOW_READ, _ref(caller, w))
    ]
    return Page(
        items=[_info(caller, workflow) for workflow in seen[:limit]],
        next_cursor=make_cursor(seen[limit - 1].name) if len(seen) > limit else None,
    )


@router.post(
    "",
    rule=Rule(Action.WORKFLOW_INSTALL),
    status_code=201,
    responses=problems(400, 409, 413, 415, 422),
    openapi_extra=BODY,
)
async def install_workflow(
    request: Request, caller: CallerDep, services: ServicesDep, name: str | None = None
) -> WorkflowInfo:
    """Install a workflow, as version 1, and own it.

    JSON names a git repository or, for administrators, a folder of the server's machine; a form
    with the file `archive` (tar or zip) brings the workflow itself, `?name=` its name.
    """
    async with wanted_source(request, services, caller) as (source, asked_name):
        add = partial(services.catalog.add, source, name or asked_name)
        installed: Installed = await anyio.to_thread.run_sync(
            add, limiter=_installing, abandon_on_cancel=False
        )
    await services.access.directory.own("workflow", installed.name, caller.name)
    made = WorkflowInfo.model_dump(info(installed, caller.name), mode="json")
    target = ObjectRef("workflow", installed.name, caller.name)
    await services.audit.record(caller, Action.WORKFLOW_INSTALL.value, target, after=made)
    return info(installed, caller.name)


@router.get("/{name}", rule=Rule(Action.WORKFLOW_READ, of="workflow"), responses=problems(422))
async def get_workflow(
    name: WorkflowName, caller: CallerDep, services: ServicesDep, version: Version = None
) -> WorkflowDetails:
    """Return a workflow, in its newest version when none is named."""
    found = await load(services, caller, name, version)
    return details(found, _ref(caller, found).owner)


@router.get(
    "/{name}/versions", rule=Rule(Action.WORKFLOW_READ, of="workflow"), responses=problems(422)
)
async def list_versions(
    name: WorkflowName,
    caller: CallerDep,
    services: ServicesDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[WorkflowInfo]:
    """List the versions of a workflow, the newest first."""
    before = read_cursor(cursor, int)[0] if cursor else None
    await load(services, caller, name)

    def read() -> list[Installed]:
        numbers = services.catalog.versions(name)
        chosen = [n for n in reversed(numbers) if before is None or n < before]
        return [services.catalog.load(name, number) for number in chosen[: limit + 1]]

    found = await anyio.to_thread.run_sync(read)
    return Page(
        items=[_info(caller, workflow) for workflow in found[:limit]],
        next_cursor=make_cursor(found[limit - 1].version) if len(found) > limit else None,
    )


@router.post(
    "/{name}/update",
    rule=Rule(Action.WORKFLOW_EDIT, of="workflow"),
    responses=problems(400, 409, 413, 415, 422),
    openapi_extra={"requestBody": {**BODY["requestBody"], "required": False}},
)
async def update_workflow(
    name: WorkflowName, request: Request, caller: CallerDep, services: ServicesDep
) -> WorkflowInfo:
    """Make a new version when the workflow has changed; return the newest.

    Without a body it is taken from where it came last: a git ref is looked up again.
    """
    before = await load(services, caller, name, action=Action.WORKFLOW_EDIT)
    if await _has_body(request):
        async with wanted_source(request, services, caller) as (source, _):
            update = partial(services.catalog.update, name, source)
            installed = await anyio.to_thread.run_sync(update, limiter=_installing)
    else:
        if before.source.kind == "path":
            caller.check(Action.WORKFLOW_INSTALL_PATH)
        source = same_again(before.source, local=caller.is_admin)
        update = partial(services.catalog.update, name, source)
        installed = await anyio.to_thread.run_sync(update, limiter=_installing)
    if installed.version != before.version:
        await services.audit.record(
            caller,
            Action.WORKFLOW_EDIT.value,
            _ref(caller, installed),
            before={"version": before.version, "source": before.source.as_dict()},
            after={"version": installed.version, "source": installed.source.as_dict()},
        )
    return _info(caller, installed)


@router.delete("/{name}", rule=Rule(Action.WORKFLOW_DELETE, of="workflow"), status_code=204)
async def remove_workflow(name: WorkflowName, caller: CallerDep, services: ServicesDep) -> None:
    """Remove a workflow with all its versions; its runs keep their own copies."""
    target = await _target(services, caller, name, Action.WORKFLOW_DELETE)
    numbers = await anyio.to_thread.run_sync(services.catalog.versions, name)
    await anyio.to_thread.run_sync(services.catalog.remove, name)
    await services.access.directory.disown("workflow", name)
    before = {"versions": numbers}
    await services.audit.record(caller, Action.WORKFLOW_DELETE.value, target, before=before)


async def load(
    services: Services,
    caller: Caller,
    name: str,
    version: int | None = None,
    action: Action = Action.WORKFLOW_READ,
) -> Installed:
    """Return a version of a workflow with which one may do something.

    Raises:
        ProblemError: 404 when there is none, or one may not know of it; 403.

    """
    await _target(services, caller, name, action)
    found: Installed = await anyio.to_thread.run_sync(services.catalog.load, name, version)
    return found


async def _target(services: Services, caller: Caller, name: str, action: Action) -> ObjectRef:
    target = caller.ref("workflow", name)
    caller.check(action, target)
    return target


def _ref(caller: Caller, workflow: Installed) -> ObjectRef:
    return caller.ref("workflow", workflow.name)


def _info(caller: Caller, workflow: Installed) -> WorkflowInfo:
    return info(workflow, _ref(caller, workflow).owner)


async def _has_body(request: Request) -> bool:
    length = request.headers.get("content-length", "0")
    return "transfer-encoding" in request.headers or length.strip() not in ("", "0")


__all__ = ["WorkflowToInstall", "load", "router"]
