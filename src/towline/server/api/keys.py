"""API keys."""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from towline.server.access.actions import Action, Scope
from towline.server.access.keys import make_key
from towline.server.access.principal import ObjectRef
from towline.server.access.rules import Rule
from towline.server.api.names import Label, UserName
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.paging import Cursor, Limit, Page, make_cursor, read_cursor
from towline.server.problems import problem, problems
from towline.server.routing import Router
from towline.server.services import Services
from towline.store import Key, utc_now

router = Router(prefix="/keys", tags=["access"])


class KeyInfo(BaseModel):
    """A key, without its secret."""

    id: str
    name: str
    user: str
    scopes: list[Scope]
    created: datetime
    expires: datetime | None
    last_used: datetime | None
    revoked: datetime | None


class CreatedKey(KeyInfo):
    """A new key; its text is shown now and never again."""

    key: str


class KeyAsked(BaseModel):
    """The key that is wanted."""

    name: Label = Field(description="What it is for.")
    scopes: list[Scope] = Field(
        default=[Scope.READ], min_length=1, max_length=len(Scope), description="What it may do."
    )
    expires_days: float | None = Field(
        default=None, gt=0, le=3650, description="null: it does not expire."
    )
    user: UserName | None = Field(default=None, description="For administrators: whose key.")


@router.get("", rule=Rule(Action.KEY_READ, of="key"), responses=problems(422))
async def list_keys(
    caller: CallerDep, services: ServicesDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[KeyInfo]:
    """List one's own keys; an administrator sees everybody's."""
    after = read_cursor(cursor, str)[0] if cursor else ""
    keys = sorted(services.access.directory.keys.values(), key=lambda row: row.id)
    seen = [row for row in keys if row.id > after and caller.may(Action.KEY_READ, _ref(row))]
    more = len(seen) > limit
    return Page(
        items=[_info(row) for row in seen[:limit]],
        next_cursor=make_cursor(seen[limit - 1].id) if more else None,
    )


@router.post("", rule=Rule(Action.KEY_CREATE), status_code=201, responses=problems(404))
async def create_key(body: KeyAsked, caller: CallerDep, services: ServicesDep) -> CreatedKey:
    """Make a key; it can do no more than the one who makes it."""
    owner = body.user or caller.name
    caller.check(Action.KEY_CREATE, ObjectRef("user", owner, owner))
    if owner not in services.access.directory.users:
        raise problem(
            404, "user-not-found", thing=f"user {owner}", cause="there is no such account"
        )
    beyond = [scope.value for scope in body.scopes if scope not in caller.scopes]
    if beyond:
        raise problem(
            403,
            "wrong-scope",
            thing="the new key",
            cause=f"the key at hand does not have the scope {', '.join(beyond)} itself",
            next_step="make it with a key that has, or in the browser",
        )
    new = make_key()
    now = utc_now()
    row = Key(
        id=new.id,
        user=owner,
        name=body.name,
        digest=new.digest,
        scopes=sorted({scope.value for scope in body.scopes}),
        created=now,
        expires=now + timedelta(days=body.expires_days) if body.expires_days else None,
        last_used=None,
        revoked=None,
    )
    row = await services.access.directory.save(row)
    info = _info(row)
    await services.audit.record(
        caller, Action.KEY_CREATE.value, _ref(row), after=info.model_dump(mode="json")
    )
    return CreatedKey(key=new.text, **info.model_dump())


@router.delete("/{key_id}", rule=Rule(Action.KEY_REVOKE, of="key"), status_code=204)
async def revoke_key(key_id: str, caller: CallerDep, services: ServicesDep) -> None:
    """Revoke a key: from now on it opens nothing."""
    row = _find(services, key_id)
    caller.check(Action.KEY_REVOKE, _ref(row))
    if row.revoked is None:
        before = _info(row).model_dump(mode="json")
        row = await services.access.directory.change(row, revoked=utc_now())
        after = _info(row).model_dump(mode="json")
        await services.audit.record(
            caller, Action.KEY_REVOKE.value, _ref(row), before=before, after=after
        )


def _find(services: Services, key_id: str) -> Key:
    row = services.access.directory.keys.get(key_id)
    if row is None:
        raise problem(
            404,
            "key-not-found",
            thing=f"key {key_id}",
            cause="there is no key with this id",
            next_step="towline key list",
        )
    return row


def _ref(row: Key) -> ObjectRef:
    return ObjectRef("key", row.id, row.user)


def _info(row: Key) -> KeyInfo:
    return KeyInfo.model_validate(row, from_attributes=True)
