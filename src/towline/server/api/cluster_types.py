"""Types of clusters, with the form of each as JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, Field

from towline.clusters.types import ClusterType, broken_types, cluster_types, form_schema
from towline.server.access.actions import Action
from towline.server.access.caller import not_found
from towline.server.access.rules import Rule
from towline.server.control.lanes import in_thread
from towline.server.dependencies import CallerDep
from towline.server.routing import Router

router = Router(prefix="/cluster-types", tags=["clusters"])


class TypeInfo(BaseModel):
    """A type of cluster."""

    key: str = Field(description="What stands behind `type` in a definition.")
    title: str
    group: str = Field(description="Under which heading to offer it.")
    description: str
    scheduler: str | None = Field(description="Null: workers run on the controller itself.")
    elastic: bool = Field(description="Switching such a cluster off ends machines.")


class TypeForm(TypeInfo):
    """A type with its form."""

    form: dict[str, Any] = Field(description="JSON Schema 2020-12 of a definition.")


class BrokenType(BaseModel):
    """An installed type that cannot be used."""

    key: str
    cause: str


class Types(BaseModel):
    """All types, the built-in ones first."""

    items: list[TypeInfo]
    broken: list[BrokenType] = Field(description="Installed plug-ins that cannot be loaded.")


@router.get("", rule=Rule(Action.CLUSTER_READ))
async def list_types(caller: CallerDep) -> Types:
    """List the types of clusters that are installed here."""
    types = await in_thread(cluster_types, "towline-types")
    broken = [BrokenType(key=key, cause=cause) for key, cause in broken_types().items()]
    return Types(items=[_info(kind) for kind in types.values()], broken=broken)


@router.get("/{key}", rule=Rule(Action.CLUSTER_READ, of="cluster-type"))
async def show_type(key: Annotated[str, Path(max_length=250)], caller: CallerDep) -> TypeForm:
    """Show a type with its form: the JSON Schema of what `POST /clusters` takes."""
    types = await in_thread(cluster_types, "towline-types")
    if key not in types:
        raise not_found("cluster-type", key)
    kind = types[key]
    return TypeForm(**_info(kind).model_dump(), form=form_schema(kind))


def _info(kind: ClusterType) -> TypeInfo:
    return TypeInfo(
        key=kind.key,
        title=kind.title,
        group=kind.group,
        description=kind.description,
        scheduler=kind.scheduler,
        elastic=kind.elastic,
    )
