"""What the routes of clusters share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Path

from towline.clusters import ClusterDefinition, define
from towline.server.access.actions import Action
from towline.server.access.caller import Caller, not_found
from towline.server.access.principal import ObjectRef
from towline.server.control.managed import Managed
from towline.server.problems import problem
from towline.server.services import Services

ClusterName = Annotated[str, Path(max_length=250, description="Name of the cluster.")]

MOST_TEXT = 4096
"""Characters of one answer to a log-in's question; a passphrase is shorter."""


def ref(caller: Caller, name: str) -> ObjectRef:
    """Return what rights on a cluster are checked on."""
    return caller.ref("cluster", name)


async def find(
    name: str, services: Services, caller: Caller, action: Action = Action.CLUSTER_READ
) -> Managed:
    """Return a cluster with which one may do something, also one that was defined a moment ago.

    Raises:
        ProblemError: 404 when there is none, or one may not know of it; 403.

    """
    managed: Managed | None = await services.clusters.find(name)
    if managed is None:
        raise not_found("cluster", name)
    caller.check(action, ref(caller, name))
    return managed


def definition_from(name: str, values: Mapping[str, Any]) -> ClusterDefinition:
    """Return a definition, checked in the words of a file's own checks.

    Raises:
        ProblemError: 422 with what is wrong.
        DefinitionError: as well.

    """
    if values.get("name", name) != name:
        raise problem(
            422,
            "invalid-request",
            thing=f"cluster {name}",
            cause=f"name is '{values['name']}': a cluster cannot be renamed",
            next_step="create another one, and remove this one",
            fields=[("name", f"must be {name}")],
        )
    return define(name, **{key: value for key, value in values.items() if key != "name"})
