"""Clusters in the record shape of 2022, for clients of that time.

Reading works as it did. What changed state by GET is a POST here, and a key in a URL, where every
log keeps it, is refused.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, Field

from towline.clusters.power import Desired, PowerState
from towline.server.access.actions import Action
from towline.server.access.rules import Rule
from towline.server.api._clusters import find, ref
from towline.server.control.managed import Managed
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.problems import problem, problems
from towline.server.routing import Router

router = Router(prefix="/api/resources", tags=["2022"], below="")

TYPES_2022 = {"slurm": "slurmshv2", "pbs": "pbsshv2"}
"""What existing clusters were called then; other types keep their keys."""

Name = Annotated[str, Query(max_length=250, description="Name of the cluster.")]


class State2022(BaseModel):
    """What a cluster's workers are; null where it is not known."""

    registeredWorkers: int | None = Field(description="Nodes that answer.")  # noqa: N815
    requestedWorkers: int | None = Field(description="Nodes that are wanted.")  # noqa: N815
    masterNode: str | None = Field(  # noqa: N815
        description="The controller's address; null until jobs can be sent there."
    )


class Resource2022(BaseModel):
    """A cluster as clients of 2022 read it: ready when `on` and with a `masterNode`."""

    id: str
    name: str
    description: str
    status: str = Field(description="`on`, `off`, or a state on the way.")
    state: State2022
    type: str
    visibility: str
    tags: str
    settings: dict[str, Any]


@router.get("", rule=Rule(Action.CLUSTER_READ), responses=problems(400))
async def list_resources(
    request: Request, caller: CallerDep, services: ServicesDep
) -> list[Resource2022]:
    """List the clusters that one may see."""
    _refuse_key(request)
    found = []
    for name, managed in sorted(services.clusters.clusters.items()):
        if caller.may(Action.CLUSTER_READ, ref(caller, name)):
            services.clusters.watch(managed)
            found.append(_record(managed, shared=ref(caller, name).owner is None))
    return found


@router.get("/list", rule=Rule(Action.CLUSTER_READ), responses=problems(400, 404, 422))
async def find_resource(
    request: Request, name: Name, caller: CallerDep, services: ServicesDep
) -> Resource2022:
    """Show one cluster by its name."""
    _refuse_key(request)
    managed = await find(name, services, caller)
    services.clusters.watch(managed)
    return _record(managed, shared=ref(caller, name).owner is None)


@router.post(
    "/start",
    rule=Rule(Action.CLUSTER_POWER),
    status_code=202,
    responses=problems(400, 404, 409, 422),
)
async def start_resource(
    request: Request, name: Name, caller: CallerDep, services: ServicesDep
) -> Resource2022:
    """Switch a cluster on."""
    return await _switch(request, name, caller, services, Desired.ON)


@router.post(
    "/stop",
    rule=Rule(Action.CLUSTER_POWER),
    status_code=202,
    responses=problems(400, 404, 409, 422),
)
async def stop_resource(
    request: Request, name: Name, caller: CallerDep, services: ServicesDep
) -> Resource2022:
    """Switch a cluster off; refused while runs use it."""
    return await _switch(request, name, caller, services, Desired.OFF)


async def _switch(
    request: Request, name: str, caller: CallerDep, services: ServicesDep, desired: Desired
) -> Resource2022:
    _refuse_key(request)
    managed = await find(name, services, caller, Action.CLUSTER_POWER)
    await services.clusters.want(managed, desired)
    await services.audit.record(
        caller,
        Action.CLUSTER_POWER.value,
        ref(caller, name),
        after={"desired": desired.value},
    )
    return _record(managed, shared=ref(caller, name).owner is None)


def _record(managed: Managed, *, shared: bool) -> Resource2022:
    definition, seen = managed.definition, managed.observation
    ready = managed.state is PowerState.ON and seen is not None
    controller = seen.controller if ready and seen is not None else None
    user = definition.user if definition else None
    kind = definition.type if definition else ""
    return Resource2022(
        id=managed.name,
        name=managed.name,
        description=definition.description if definition else "",
        status=PowerState.ERROR.value if managed.wrong else managed.state.value,
        state=State2022(
            registeredWorkers=seen.registered_workers if seen else None,
            requestedWorkers=seen.requested_workers if seen else None,
            masterNode=f"{user}@{controller}" if user and controller else controller,
        ),
        type=TYPES_2022.get(kind, kind),
        visibility="public" if shared else "private",
        tags=",".join(definition.tags) if definition else "",
        settings={"slurmUsername": user} if user else {},
    )


def _refuse_key(request: Request) -> None:
    """Refuse a key in the URL, though it opens nothing here: its owner must learn that it leaks.

    Raises:
        ProblemError: 400.

    """
    if "key" in request.query_params:
        raise problem(
            400,
            "key-in-url",
            thing="the request",
            cause="the URL holds a key, and URLs are kept in logs and histories",
            next_step="send it as the header 'Authorization: Bearer KEY'; if it is a key of this "
            "server, revoke it: towline key revoke ID",
        )
