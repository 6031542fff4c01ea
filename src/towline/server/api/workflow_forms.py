"""A workflow's form: its schema, checking what was filled in, presets, and what it looks like."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import Request
from starlette.responses import PlainTextResponse, Response

from towline.runs.launching import check
from towline.server.access.actions import Action
from towline.server.access.caller import Caller
from towline.server.access.rules import Rule
from towline.server.api.workflow_models import (
    CheckedInputsInfo,
    InputsToCheck,
    PresetInfo,
    PresetName,
    PresetToKeep,
    Version,
    WorkflowName,
)
from towline.server.api.workflows import load
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.downloads import SANDBOX
from towline.server.problems import problem, problems
from towline.server.routing import Router
from towline.workflows import form_schema
from towline.workflows.pickers import LOCAL, remembered_choices
from towline.workflows.presets import Presets

router = Router(prefix="/workflows", tags=["workflows"])

_MEDIA = {
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
}
_MOST_README_BYTES = 1 << 20
_MOST_PICTURE_BYTES = 2 << 20


@router.get("/{name}/form", rule=Rule(Action.WORKFLOW_READ, of="workflow"), responses=problems(422))
async def get_form(
    name: WorkflowName, caller: CallerDep, services: ServicesDep, version: Version = None
) -> dict[str, Any]:
    """Return the form as JSON Schema 2020-12, with what a page needs under `x-ui`.

    Its pickers offer the clusters that one may use, with the partitions that each had when it was
    last looked at; nothing is asked of a cluster now.
    """
    workflow = await load(services, caller, name, version)
    choices = await anyio.to_thread.run_sync(remembered_choices, _usable(caller))
    return form_schema(workflow.definition, choices, workflow.name)


@router.post(
    "/{name}/check", rule=Rule(Action.WORKFLOW_READ, of="workflow"), responses=problems(422)
)
async def check_form(
    name: WorkflowName,
    asked: InputsToCheck,
    caller: CallerDep,
    services: ServicesDep,
    version: Version = None,
) -> CheckedInputsInfo:
    """Check inputs as a launch would, and make nothing; `errors` says what is wrong, by path."""
    workflow = await load(services, caller, name, version)
    checking = partial(
        check,
        workflow,
        asked.inputs,
        clusters=asked.clusters,
        owner=caller.name,
        preset=asked.preset,
        find_file=services.uploads.finder(caller.name),
    )
    checked = await anyio.to_thread.run_sync(checking)
    return CheckedInputsInfo(inputs=checked.kept(), version=workflow.version)


@router.get("/{name}/presets", rule=Rule(Action.WORKFLOW_READ, of="workflow"))
async def list_presets(
    name: WorkflowName, caller: CallerDep, services: ServicesDep
) -> list[PresetInfo]:
    """List the presets: those that came with the workflow, then one's own."""
    workflow = await load(services, caller, name)
    kept = await anyio.to_thread.run_sync(Presets(caller.name).of, name)
    theirs = workflow.definition.presets
    return [
        *(PresetInfo(name=each, own=False, inputs=dict(theirs[each])) for each in theirs),
        *(PresetInfo(name=e, own=True, inputs=kept[e]) for e in sorted(kept) if e not in theirs),
    ]


@router.put(
    "/{name}/presets/{preset}",
    rule=Rule(Action.PRESET_WRITE, of="workflow"),
    responses=problems(422),
)
async def keep_preset(
    name: WorkflowName,
    preset: PresetName,
    asked: PresetToKeep,
    caller: CallerDep,
    services: ServicesDep,
) -> PresetInfo:
    """Keep inputs under a name, for oneself; they may be incomplete, and hold no secret."""
    workflow = await load(services, caller, name, action=Action.PRESET_WRITE)
    keep = partial(Presets(caller.name).keep, name, workflow.definition, preset, asked.inputs)
    await anyio.to_thread.run_sync(keep)
    return PresetInfo(name=preset, own=True, inputs=asked.inputs)


@router.delete(
    "/{name}/presets/{preset}",
    rule=Rule(Action.PRESET_WRITE, of="workflow"),
    status_code=204,
)
async def delete_preset(
    name: WorkflowName, preset: PresetName, caller: CallerDep, services: ServicesDep
) -> None:
    """Forget a preset of one's own."""
    await load(services, caller, name, action=Action.PRESET_WRITE)
    if preset not in await anyio.to_thread.run_sync(Presets(caller.name).of, name):
        raise problem(404, "preset-not-found", thing=f"preset {preset}", cause="you keep none such")
    await anyio.to_thread.run_sync(Presets(caller.name).delete, name, preset)


@router.get(
    "/{name}/readme",
    rule=Rule(Action.WORKFLOW_READ, of="workflow"),
    response_class=PlainTextResponse,
    responses=problems(422),
)
async def get_readme(
    name: WorkflowName, caller: CallerDep, services: ServicesDep, version: Version = None
) -> Response:
    """Return the README as it is written: Markdown or plain text."""
    workflow = await load(services, caller, name, version)
    data = await _content(workflow.readme, _MOST_README_BYTES, name, "README")
    return PlainTextResponse(data.decode(errors="replace"))


@router.get(
    "/{name}/thumbnail",
    rule=Rule(Action.WORKFLOW_READ, of="workflow"),
    response_class=Response,
    responses={
        **problems(422),
        200: {"content": {kind: {} for kind in sorted(set(_MEDIA.values()))}},
        304: {"description": "Not changed since If-None-Match."},
    },
)
async def get_thumbnail(
    name: WorkflowName,
    request: Request,
    caller: CallerDep,
    services: ServicesDep,
    version: Version = None,
) -> Response:
    """Return the picture."""
    workflow = await load(services, caller, name, version)
    path = workflow.thumbnail
    tag = f'"{workflow.digest[:32]}"'
    # An SVG may hold a script: no page of ours is to run it.
    headers = {
        "ETag": tag,
        "Cache-Control": "private, max-age=60",
        "Content-Security-Policy": f"{SANDBOX}; style-src 'unsafe-inline'",
    }
    if path is not None and request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    data = await _content(path, _MOST_PICTURE_BYTES, name, "thumbnail")
    media = _MEDIA[path.suffix.lower()] if path is not None else ""
    return Response(data, headers=headers, media_type=media)


async def _content(path: Path | None, most: int, name: str, what: str) -> bytes:
    if path is None or path.stat().st_size > most:
        raise problem(
            404,
            "file-not-found",
            thing=f"workflow {name}",
            cause=f"it has no {what}" if path is None else f"its {what} is too large to be shown",
        )
    return await anyio.to_thread.run_sync(path.read_bytes)


def _usable(caller: Caller) -> Callable[[str], bool]:
    return lambda cluster: (
        cluster == LOCAL or caller.may(Action.CLUSTER_READ, caller.ref("cluster", cluster))
    )
