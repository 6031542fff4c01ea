"""Rights on objects of others."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from towline.server.access.actions import Action, Right
from towline.server.access.caller import not_found
from towline.server.access.directory import EVERYBODY
from towline.server.access.principal import ObjectRef
from towline.server.access.rules import Rule
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.paging import Cursor, Limit, Page, make_cursor, read_cursor
from towline.server.problems import problem, problems
from towline.server.routing import Router
from towline.server.services import Services
from towline.store import Grant, utc_now

router = Router(prefix="/grants", tags=["access"])


class Kind(str, Enum):
    """What can be granted."""

    CLUSTER = "cluster"
    WORKFLOW = "workflow"
    RUN = "run"


class GrantAsked(BaseModel):
    """The grant that is wanted."""

    kind: Kind
    object: str = Field(min_length=1, max_length=255, description="Its name or number.")
    user: str = Field(min_length=1, max_length=64, description="Who gets it; *: everybody.")
    right: Right = Field(
        description="read: see it. use: also run it, or submit to it. edit: also change it."
    )


class GrantInfo(GrantAsked):
    """A grant."""

    id: int
    created: datetime
    created_by: str


@router.get("", rule=Rule(Action.GRANT_READ, of="grant"), responses=problems(422))
async def list_grants(
    caller: CallerDep,
    services: ServicesDep,
    kind: Kind | None = None,
    object: str | None = None,  # noqa: A002 - the API's word
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[GrantInfo]:
    """List the grants on one's own objects, and those that one has."""
    after = read_cursor(cursor, int)[0] if cursor else 0
    seen = []
    for row in sorted(services.access.directory.grants.values(), key=lambda row: row.id):
        wanted = row.id > after and kind in (None, row.kind) and object in (None, row.object)
        if not wanted:
            continue
        mine = row.user in (caller.name, EVERYBODY)
        if mine or caller.is_admin or await _owns(services, caller.name, row):
            seen.append(row)
    return Page(
        items=[_info(row) for row in seen[:limit]],
        next_cursor=make_cursor(seen[limit - 1].id) if len(seen) > limit else None,
    )


@router.post("", rule=Rule(Action.GRANT_EDIT, of="grant"), status_code=201, responses=problems(404))
async def create_grant(body: GrantAsked, caller: CallerDep, services: ServicesDep) -> GrantInfo:
    """Grant a right on an object of one's own; a second grant to the same user replaces the first.

    Who may use a cluster submits there with its owner's SSH identity.
    """
    target = await services.find_object(body.kind.value, body.object)
    if target is None:
        raise not_found(body.kind.value, body.object)
    caller.check(Action.GRANT_EDIT, target)
    directory = services.access.directory
    if body.user != EVERYBODY and body.user not in directory.users:
        raise problem(
            404, "user-not-found", thing=f"user {body.user}", cause="there is no such account"
        )
    old = next(
        (
            row
            for row in directory.grants.values()
            if (row.kind, row.object, row.user) == (body.kind.value, target.name, body.user)
        ),
        None,
    )
    before = _info(old).model_dump(mode="json") if old is not None else None
    fresh = {"right": body.right.value, "created": utc_now(), "created_by": caller.name}
    if old is not None:
        row = await directory.change(old, **fresh)
    else:
        new = Grant(kind=body.kind.value, object=target.name, user=body.user, **fresh)
        row = await directory.save(new)
    info = _info(row)
    await services.audit.record(
        caller,
        Action.GRANT_EDIT.value,
        target,
        before=before,
        after=info.model_dump(mode="json"),
    )
    return info


@router.delete("/{grant_id}", rule=Rule(Action.GRANT_EDIT, of="grant"), status_code=204)
async def delete_grant(
    grant_id: Annotated[int, Path(ge=0, le=2**31)], caller: CallerDep, services: ServicesDep
) -> None:
    """Take a right back."""
    row = services.access.directory.grants.get(grant_id)
    if row is None:
        raise not_found("grant", str(grant_id))
    found = await services.find_object(row.kind, row.object)
    target = found or ObjectRef(row.kind, row.object)
    if not caller.may(Action.GRANT_EDIT, target) and row.user not in (caller.name, EVERYBODY):
        raise not_found("grant", str(grant_id))
    caller.check(Action.GRANT_EDIT, target)
    before = _info(row).model_dump(mode="json")
    await services.access.directory.forget([row])
    await services.audit.record(caller, Action.GRANT_EDIT.value, target, before=before)


async def _owns(services: Services, user: str, row: Grant) -> bool:
    target = await services.find_object(row.kind, row.object)
    return target is not None and target.owner == user


def _info(row: Grant) -> GrantInfo:
    return GrantInfo.model_validate(row, from_attributes=True)
