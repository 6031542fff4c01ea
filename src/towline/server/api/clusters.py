"""Clusters: define, show, edit, remove."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Header, Query, Response

from towline.clusters import ClusterMemory, ClusterStore, forget_facts
from towline.clusters.power import PowerState
from towline.server.access.actions import Action
from towline.server.access.caller import Caller
from towline.server.access.rules import Rule
from towline.server.api._clusters import ClusterName, definition_from, find, ref
from towline.server.cluster_views import ClusterInfo, cluster_info
from towline.server.control.lanes import in_thread
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.paging import Cursor, Limit, Page, make_cursor, read_cursor
from towline.server.problems import problem, problems
from towline.server.routing import Router
from towline.server.services import Services

router = Router(prefix="/clusters", tags=["clusters"])

Definition = Annotated[
    dict[str, Any],
    Body(
        description="The keys of the cluster's file; `GET /cluster-types/{key}` has their schema.",
        examples=[{"name": "onprem", "type": "slurm", "host": "login.example.org"}],
    ),
]

IfMatch = Annotated[
    str | None,
    Header(
        max_length=1000,
        description="The `ETag` of the definition that this is a change of: 412 when it has "
        "changed since. Without it, whatever is there is replaced.",
    ),
]


@router.get("", rule=Rule(Action.CLUSTER_READ), responses=problems(422))
async def list_clusters(
    caller: CallerDep,
    services: ServicesDep,
    state: Annotated[list[PowerState], Query(description="Only those in these states.")] = [],  # noqa: B006
    type: Annotated[str | None, Query(max_length=250)] = None,  # noqa: A002 - the file's word
    tag: Annotated[str | None, Query(max_length=250)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ClusterInfo]:
    """List the clusters that one may see, by name, each with what was seen of it last."""
    after = read_cursor(cursor, str)[0] if cursor else ""
    found = []
    for name in sorted(services.clusters.clusters):
        if name <= after or not caller.may(Action.CLUSTER_READ, ref(caller, name)):
            continue
        managed = services.clusters.clusters[name]
        definition = managed.definition
        fits = not state or managed.state in state
        fits = fits and (type is None or (definition is not None and definition.type == type))
        if fits and (tag is None or (definition is not None and tag in definition.tags)):
            found.append(managed)
        if len(found) > limit:
            break
    for managed in found[:limit]:
        services.clusters.watch(managed)
    return Page(
        items=[cluster_info(services, managed) for managed in found[:limit]],
        next_cursor=make_cursor(found[limit - 1].name) if len(found) > limit else None,
    )


@router.post("", rule=Rule(Action.CLUSTER_CREATE), status_code=201, responses=problems(409, 422))
async def create_cluster(
    body: Definition, caller: CallerDep, services: ServicesDep, response: Response
) -> ClusterInfo:
    """Define a cluster. Nothing is connected to before somebody switches it on or checks it."""
    name = body.get("name")
    if not isinstance(name, str):
        raise problem(
            422,
            "invalid-request",
            thing="the request",
            cause="name is missing",
            next_step='add "name": "NAME" (a-z, 0-9, _ and -)',
            fields=[("name", "is missing, or is no text")],
        )
    definition = await in_thread(lambda: definition_from(name, body), "towline-files")
    if name in services.clusters.clusters or await in_thread(
        lambda: name in ClusterStore().names(), "towline-files"
    ):
        raise problem(
            409,
            "cluster-exists",
            thing=f"cluster {name}",
            cause="exists already",
            next_step="choose another name, or edit it",
        )
    await in_thread(lambda: ClusterStore().add(definition), "towline-files")
    await services.access.directory.own("cluster", name, caller.name)
    await services.clusters.refresh()
    managed = await find(name, services, caller)
    info = cluster_info(services, managed)
    await services.audit.record(
        caller, Action.CLUSTER_CREATE.value, ref(caller, name), after=info.definition
    )
    response.headers["Location"] = f"/api/v1/clusters/{name}"
    response.headers["ETag"] = managed.mark
    return info


@router.get("/{name}", rule=Rule(Action.CLUSTER_READ, of="cluster"))
async def show_cluster(
    name: ClusterName, caller: CallerDep, services: ServicesDep, response: Response
) -> ClusterInfo:
    """Show a cluster. It is looked at every 30 s while somebody asks for it, else less often.

    `ETag` is that of its definition: give it as `If-Match` when you replace that.
    """
    managed = await find(name, services, caller)
    services.clusters.watch(managed)
    response.headers["ETag"] = managed.mark
    return cluster_info(services, managed)


@router.put("/{name}", rule=Rule(Action.CLUSTER_EDIT, of="cluster"), responses=problems(412, 422))
async def edit_cluster(
    name: ClusterName,
    body: Definition,
    caller: CallerDep,
    services: ServicesDep,
    response: Response,
    if_match: IfMatch = None,
) -> ClusterInfo:
    """Replace a cluster's definition, in the file where it is; runs that live keep the old one.

    The file is written anew, without the comments that it had.
    """
    async with services.clusters.editing:
        return await _edit(name, body, caller, services, response, if_match)


async def _edit(
    name: str,
    body: dict[str, Any],
    caller: Caller,
    services: Services,
    response: Response,
    if_match: str | None,
) -> ClusterInfo:
    await services.clusters.refresh()
    managed = await find(name, services, caller, Action.CLUSTER_EDIT)
    if if_match is not None and not _matches(if_match, managed.mark):
        raise problem(
            412,
            "cluster-changed",
            thing=f"cluster {name}",
            cause="its definition is another one by now: nothing was changed",
            next_step="get it again, and repeat your change on it",
        )
    before = cluster_info(services, managed).definition
    definition = await in_thread(lambda: definition_from(name, body), "towline-files")
    old = managed.definition
    other_type = old is not None and old.elastic and definition.type != old.type
    if other_type and managed.state is not PowerState.OFF:
        raise _still_on(name, "its type cannot be changed")
    await in_thread(lambda: ClusterStore().add(definition, replace=True), "towline-files")
    await services.clusters.refresh()
    info = cluster_info(services, managed)
    await services.audit.record(
        caller,
        Action.CLUSTER_EDIT.value,
        ref(caller, name),
        before=before,
        after=info.definition,
    )
    response.headers["ETag"] = managed.mark
    return info


def _matches(if_match: str, mark: str) -> bool:
    return any(given.strip() in ("*", mark) for given in if_match.split(","))


@router.delete(
    "/{name}",
    rule=Rule(Action.CLUSTER_DELETE, of="cluster"),
    status_code=204,
    responses=problems(409),
)
async def delete_cluster(name: ClusterName, caller: CallerDep, services: ServicesDep) -> None:
    """Forget a cluster; nothing on it is touched. Refused while runs use it, and names them."""
    managed = await find(name, services, caller, Action.CLUSTER_DELETE)
    await services.clusters.refuse_if_in_use(managed, "removing it")
    definition = managed.definition
    if definition is not None and definition.elastic and managed.state is not PowerState.OFF:
        raise _still_on(name, "nobody would switch it off any more")
    before = cluster_info(services, managed).definition

    def forget() -> None:
        ClusterStore().remove(name)
        forget_facts(name)
        ClusterMemory(name).forget()

    await in_thread(forget, "towline-files")
    await services.clusters.refresh()
    target = ref(caller, name)
    await services.access.directory.disown("cluster", name)
    await services.audit.record(caller, Action.CLUSTER_DELETE.value, target, before=before)


def _still_on(name: str, consequence: str) -> Exception:
    return problem(
        409,
        "cluster-on",
        thing=f"cluster {name}",
        cause=f"is not off: {consequence}",
        next_step=f"towline cluster off {name} --wait",
    )
