"""A workflow: its README and its form; Execute makes a run and shows it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import Request
from markupsafe import Markup
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from towline.errors import InputsWrong, TowlineError
from towline.server.access.actions import Action
from towline.server.access.caller import Caller
from towline.server.access.rules import Rule
from towline.server.api._runs import find, folder_of
from towline.server.api.launches import RunToLaunch, launch_run
from towline.server.api.workflow_forms import get_form, list_presets
from towline.server.api.workflow_models import WorkflowName
from towline.server.api.workflows import load, remove_workflow, update_workflow
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.pages.answers import done
from towline.server.pages.forms import build, read
from towline.server.pages.home import clusters_of
from towline.server.pages.markdown import html_of
from towline.server.pages.rendering import page
from towline.server.problems import ProblemError
from towline.server.received import keep_sent
from towline.server.routing import Router
from towline.server.services import Services
from towline.server.uploads import MOST_BYTES
from towline.workflows import Installed

router = Router(
    prefix="/workflows/{name}",
    tags=["pages"],
    below="",
    include_in_schema=False,
    max_body_size=MOST_BYTES,
)

OWN = "_"
"""How the names of the page's own fields begin; no input's name does."""
MOST_FIELDS = 20_000


@dataclass
class Filled:
    """What the form shows: values, what is wrong with them, and the page's own fields."""

    values: Mapping[str, Any] = field(default_factory=dict)
    errors: Mapping[str, list[str]] = field(default_factory=dict)
    title: str = ""
    clusters: Mapping[str, str] = field(default_factory=dict)
    key: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    said: str = ""


@router.get("", rule=Rule(Action.WORKFLOW_READ, of="workflow"))
async def show_workflow(
    request: Request,
    name: WorkflowName,
    services: ServicesDep,
    caller: CallerDep,
    again: int | None = None,
    preset: str = "",
) -> Response:
    """Show a workflow with its form, empty or with what an earlier run was given."""
    filled = Filled()
    if again is not None:
        run = await find(again, services, caller)
        asked = await anyio.to_thread.run_sync(lambda: folder_of(run, services).asked)
        if run.workflow == name:
            filled = Filled(_without_secrets(asked.inputs or {}), title=run.title)
            filled.clusters = asked.clusters
            filled.said = f"Filled in as run {again} was. Files and secrets are to be given again."
    elif preset:
        presets = await list_presets(name, caller, services)
        found = next((each for each in presets if each.name == preset), None)
        filled = Filled(found.inputs if found else {})
    return await _show(request, name, services, caller, filled)


@router.post("", rule=Rule(Action.RUN_LAUNCH, of="workflow"))
async def execute(
    request: Request, name: WorkflowName, services: ServicesDep, caller: CallerDep
) -> Response:
    """Launch a run and go to its page; or show what is wrong, beside what was typed."""
    schema = await get_form(name, caller, services)
    sent = await _sent(request, services, caller)
    own = {path.removeprefix(OWN): value for path, value in sent if path.startswith(OWN)}
    clusters = {
        path.removeprefix("cluster."): value
        for path, value in own.items()
        if path.startswith("cluster.") and value
    }
    values = read(schema, [(p, v) for p, v in sent if not p.startswith(OWN)])
    filled = Filled(values, title=own.get("title", "").strip()[:200], clusters=clusters)
    try:
        asked = RunToLaunch(
            workflow=name,
            inputs=values,
            clusters=clusters,
            preset=None,
            title=filled.title or None,
        )
        answer = await launch_run(asked, services, caller, own.get("key", "")[:64] or None)
    except InputsWrong as wrong:
        errors: dict[str, list[str]] = {}
        for each in wrong.problems:
            errors.setdefault(".".join(map(str, each.path)), []).append(each.message)
        filled.errors = errors
    except (TowlineError, ProblemError) as wrong:
        what = f"{wrong.thing}: {wrong.cause}" if wrong.thing else wrong.cause
        filled.errors = {"": [f"{what}; {wrong.next_step}" if wrong.next_step else what]}
    else:
        number = answer.headers["location"].rpartition("/")[2]
        return RedirectResponse(f"/runs/{number}", 303)
    return await _show(request, name, services, caller, filled)


@router.post("/update", rule=Rule(Action.WORKFLOW_EDIT, of="workflow"))
async def update(
    request: Request, name: WorkflowName, services: ServicesDep, caller: CallerDep
) -> Response:
    """Take the newest version from where the workflow came from."""
    await update_workflow(name, request, caller, services)
    return done(request, f"/workflows/{name}", leave=True)


@router.post("/remove", rule=Rule(Action.WORKFLOW_DELETE, of="workflow"))
async def remove(
    request: Request, name: WorkflowName, services: ServicesDep, caller: CallerDep
) -> Response:
    """Remove a workflow; its runs stay."""
    await remove_workflow(name, caller, services)
    return done(request, "/workflows", leave=True)


async def _show(
    request: Request, name: str, services: Services, caller: Caller, filled: Filled
) -> Response:
    workflow = await load(services, caller, name)
    schema = await get_form(name, caller, services)
    uploads = await anyio.to_thread.run_sync(
        partial(_names, filled.values, services.uploads.finder(caller.name))
    )
    form = build(schema, filled.values, filled.errors, uploads=uploads)
    target = caller.ref("workflow", name)
    return page(
        request,
        "workflows/page.html",
        422 if filled.errors else 200,
        workflow=workflow,
        readme=await anyio.to_thread.run_sync(_readme, workflow),
        form=form,
        filled=filled,
        executors=schema["x-ui"]["executors"],
        clusters=[each.name for each in clusters_of(services, caller)],
        presets=await list_presets(name, caller, services),
        may_run=caller.may(Action.WORKFLOW_RUN, target) and caller.may(Action.RUN_LAUNCH),
        may_edit=caller.may(Action.WORKFLOW_EDIT, target),
        may_remove=caller.may(Action.WORKFLOW_DELETE, target),
    )


async def _sent(request: Request, services: Services, caller: Caller) -> list[tuple[str, str]]:
    """Return names and values of the form; a file that was sent is kept, its id is its value."""
    found = []
    async with request.form(max_files=100, max_fields=MOST_FIELDS) as form:
        for name, value in form.multi_items():
            if isinstance(value, str):
                found.append((name, value))
            elif isinstance(value, UploadFile) and value.filename:
                kept = await keep_sent(value, services.uploads, caller.name)
                found.append((name, kept.id))
    return found


def _readme(workflow: Installed) -> Markup:
    path: Path | None = workflow.readme
    if path is None:
        return Markup("")
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(1 << 20)
    except OSError:
        return Markup("")
    plain = path.suffix.lower() not in (".md", "")
    return Markup("<pre>{}</pre>").format(text) if plain else html_of(text)


def _names(values: Any, find_file: Any) -> dict[str, str]:
    """Return the names of files by what stands for them in a form's values."""
    if isinstance(values, Mapping):
        values = list(values.values())
    if isinstance(values, (list, tuple)):
        found: dict[str, str] = {}
        for value in values:
            found |= _names(value, find_file)
        return found
    if isinstance(values, str) and values.startswith("upload-"):
        try:
            return {values: find_file(values).name}
        except (ValueError, TowlineError, ProblemError):
            return {}
    return {}


def _without_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _without_secrets(value) if isinstance(value, Mapping) else value
        for name, value in values.items()
        if value != {"secret": True}
    }
