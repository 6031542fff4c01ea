"""Define a cluster, or change its definition, in a form made from its type's schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from pydantic import ValidationError
from starlette.responses import RedirectResponse

from towline.clusters.types import ClusterType, cluster_types, form_schema
from towline.errors import DefinitionError
from towline.server.access.actions import Action
from towline.server.access.caller import not_found
from towline.server.access.rules import Rule
from towline.server.api._clusters import ClusterName, find
from towline.server.api.clusters import create_cluster, edit_cluster
from towline.server.cluster_views import cluster_info
from towline.server.control.lanes import in_thread
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.pages.forms import build, read
from towline.server.pages.rendering import page
from towline.server.problems import ProblemError
from towline.server.routing import Router

router = Router(prefix="/clusters", tags=["pages"], below="", include_in_schema=False)

COMMON = ("name", "host", "user", "port", "jump", "identity_file", "description")
"""What nearly everybody fills in; the rest of what all types have is for those who look for it."""

_WORDS = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "missing": "is needed",
    "too_short": "is empty; leave it out instead",
}


def problems_of(kind: ClusterType, values: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what is wrong with a definition, by path; nothing when it can be taken."""
    must = form_schema(kind)["required"]
    found = {name: ["is needed"] for name in must if name != "type" and name not in values}
    try:
        kind.form.model_validate({**values, "type": kind.key})
    except ValidationError as error:
        for item in error.errors():
            path = ".".join(str(part) for part in item["loc"] if not isinstance(part, int))
            if item["type"] == "value_error":
                words = str(item.get("ctx", {}).get("error", item["msg"]))
            elif item["type"] == "string_pattern_mismatch":
                words = "has characters that it may not have, or not there"
            else:
                words = _WORDS.get(item["type"], item["msg"])
            if path not in found and not (found and not path):
                found[path] = [words]
    return found


def _advanced(schema: Mapping[str, Any]) -> frozenset[str]:
    from towline.clusters import ClusterDefinition

    base = set(ClusterDefinition.model_fields)
    shown = {*COMMON, *schema.get("required", ())}
    return frozenset(name for name in schema["properties"] if name in base and name not in shown)


def _form(
    request: Request,
    kind: ClusterType,
    values: Mapping[str, Any],
    errors: Mapping[str, list[str]],
    editing: str = "",
) -> Response:
    schema = form_schema(kind)
    if editing:
        schema["properties"].pop("name", None)
    form = build(schema, values, errors, advanced=_advanced(schema))
    status = 422 if errors else 200
    return page(request, "clusters/form.html", status, kind=kind, form=form, editing=editing)


async def _kind(key: str) -> ClusterType:
    types = await in_thread(cluster_types, "towline-types")
    if key not in types:
        raise not_found("cluster-type", key[:100])
    return types[key]


async def _sent(request: Request, kind: ClusterType) -> dict[str, Any]:
    async with request.form(max_files=0, max_fields=500) as form:
        pairs = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    return read(form_schema(kind), pairs)


@router.get("/add", rule=Rule(Action.CLUSTER_CREATE))
async def choose_type(request: Request, caller: CallerDep) -> Response:
    """Show the types that a new cluster can have."""
    groups: dict[str, list[ClusterType]] = {}
    for kind in (await in_thread(cluster_types, "towline-types")).values():
        groups.setdefault(kind.group, []).append(kind)
    return page(request, "clusters/add.html", groups=groups)


@router.get("/add/{key}", rule=Rule(Action.CLUSTER_CREATE, of="cluster-type"))
async def show_new(request: Request, key: str, caller: CallerDep) -> Response:
    """Show the form of a type."""
    return _form(request, await _kind(key), {}, {})


@router.post("/add/{key}", rule=Rule(Action.CLUSTER_CREATE, of="cluster-type"))
async def add_cluster(
    request: Request, key: str, services: ServicesDep, caller: CallerDep
) -> Response:
    """Define a cluster, or show what is wrong beside what was typed."""
    kind = await _kind(key)
    values = await _sent(request, kind)
    if errors := problems_of(kind, values):
        return _form(request, kind, values, errors)
    try:
        await create_cluster({**values, "type": key}, caller, services, Response())
    except (ProblemError, DefinitionError) as error:
        return _form(request, kind, values, _by_path(error))
    return RedirectResponse(f"/clusters/{values['name']}", 303)


@router.get("/{name}/edit", rule=Rule(Action.CLUSTER_EDIT, of="cluster"))
async def show_edit(
    request: Request, name: ClusterName, services: ServicesDep, caller: CallerDep
) -> Response:
    """Show a cluster's definition as a form."""
    managed = await find(name, services, caller, Action.CLUSTER_EDIT)
    if managed.wrong is not None or managed.definition is None:
        raise managed.wrong or not_found("cluster", name)
    values = cluster_info(services, managed).definition or {}
    return _form(request, managed.definition.kind, values, {}, name)


@router.post("/{name}/edit", rule=Rule(Action.CLUSTER_EDIT, of="cluster"))
async def save_edit(
    request: Request, name: ClusterName, services: ServicesDep, caller: CallerDep
) -> Response:
    """Change a cluster's definition, or show what is wrong beside what was typed."""
    managed = await find(name, services, caller, Action.CLUSTER_EDIT)
    if managed.definition is None:
        raise managed.wrong or not_found("cluster", name)
    kind = managed.definition.kind
    values = {**await _sent(request, kind), "name": name}
    if errors := problems_of(kind, values):
        return _form(request, kind, values, errors, name)
    try:
        await edit_cluster(name, {**values, "type": kind.key}, caller, services, Response())
    except (ProblemError, DefinitionError) as error:
        return _form(request, kind, values, _by_path(error), name)
    return RedirectResponse(f"/clusters/{name}", 303)


def _by_path(error: ProblemError | DefinitionError) -> dict[str, list[str]]:
    if isinstance(error, ProblemError) and error.code == "cluster-exists":
        return {"name": ["is taken: there is a cluster of this name"]}
    words = f"{error.cause}; {error.next_step}" if error.next_step else error.cause
    return {"": [words]}
