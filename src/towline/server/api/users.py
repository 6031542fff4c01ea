"""Accounts."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from towline.server.access import passwords
from towline.server.access.actions import Action, Role
from towline.server.access.principal import ObjectRef
from towline.server.access.rules import Rule
from towline.server.api.names import UserName
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.paging import Cursor, Limit, Page, make_cursor, read_cursor
from towline.server.problems import problem, problems
from towline.server.routing import Router
from towline.server.services import Services
from towline.store import User, utc_now

router = Router(prefix="/users", tags=["access"])


class UserInfo(BaseModel):
    """An account."""

    name: str
    role: Role
    disabled: bool
    has_password: bool
    created: datetime


class UserAsked(BaseModel):
    """The account that is wanted."""

    name: UserName
    role: Role = Role.USER
    password: str | None = Field(
        default=None,
        min_length=passwords.SHORTEST,
        max_length=passwords.LONGEST,
        description="null: this user comes in by key only.",
    )


class UserChange(BaseModel):
    """What is to be different; what is absent stays."""

    role: Role | None = None
    disabled: bool | None = None
    password: str | None = Field(
        default=None, min_length=passwords.SHORTEST, max_length=passwords.LONGEST
    )


@router.get("", rule=Rule(Action.USER_READ, of="user"), responses=problems(422))
async def list_users(
    services: ServicesDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[UserInfo]:
    """List all accounts, by name."""
    after = read_cursor(cursor, str)[0] if cursor else ""
    rows = sorted(services.access.directory.users.values(), key=lambda row: row.name)
    rows = [row for row in rows if row.name > after]
    return Page(
        items=[_info(row) for row in rows[:limit]],
        next_cursor=make_cursor(rows[limit - 1].name) if len(rows) > limit else None,
    )


@router.post("", rule=Rule(Action.USER_EDIT), status_code=201, responses=problems(409))
async def create_user(body: UserAsked, caller: CallerDep, services: ServicesDep) -> UserInfo:
    """Make an account."""
    known = services.access.directory.users.get(body.name)
    if known is not None:
        again = "; it is disabled" if known.disabled else ""
        raise problem(
            409,
            "user-exists",
            thing=f"user {body.name}",
            cause=f"there is an account of this name{again}",
            next_step=f"towline user set {body.name} --enable" if again else "towline user list",
        )
    kept = await passwords.hashed(body.password) if body.password else None
    row = User(
        name=body.name, role=body.role.value, password=kept, disabled=False, created=utc_now()
    )
    info = _info(await services.access.directory.save(row))
    await services.audit.record(
        caller, "user.create", _ref(row), after=info.model_dump(mode="json")
    )
    return info


@router.get("/{name}", rule=Rule(Action.USER_READ, of="user"))
async def show_user(name: str, services: ServicesDep) -> UserInfo:
    """Show one account."""
    return _info(_find(services, name))


@router.patch("/{name}", rule=Rule(Action.USER_EDIT, of="user"), responses=problems(409))
async def change_user(
    name: str, body: UserChange, caller: CallerDep, services: ServicesDep
) -> UserInfo:
    """Change role or password, disable or enable; a new password logs the user's browsers out."""
    directory = services.access.directory
    row = _find(services, name)
    before = _info(row)
    demoted = body.role not in (None, Role.ADMIN) or body.disabled is True
    if demoted:
        _refuse_last_admin(services, row)
    kept = await passwords.hashed(body.password) if body.password else None
    role = body.role.value if body.role is not None else None
    asked = {"role": role, "disabled": body.disabled, "password": kept}
    changes = {name: value for name, value in asked.items() if value is not None}
    row = await directory.change(row, **changes)
    if kept is not None or body.disabled:
        await services.access.logins.end_all(name)
    after = _info(row)
    await services.audit.record(
        caller,
        "user.change",
        _ref(row),
        before=before.model_dump(mode="json"),
        after={**after.model_dump(mode="json"), "new_password": kept is not None},
    )
    return after


@router.delete(
    "/{name}", rule=Rule(Action.USER_EDIT, of="user"), status_code=204, responses=problems(409)
)
async def remove_user(name: str, caller: CallerDep, services: ServicesDep) -> None:
    """Take everything that opens a door from an account; its name stays taken.

    What it owned keeps its owner: another person with the same name would inherit it.
    """
    directory = services.access.directory
    row = _find(services, name)
    _refuse_last_admin(services, row)
    before = _info(row)
    await services.access.logins.end_all(name)
    for key in [key for key in directory.keys.values() if key.user == name]:
        if key.revoked is None:
            await directory.change(key, revoked=utc_now())
    await directory.forget([grant for grant in directory.grants.values() if grant.user == name])
    row = await directory.change(row, disabled=True, password=None)
    await services.audit.record(
        caller, "user.remove", _ref(row), before=before.model_dump(mode="json")
    )


def _find(services: Services, name: str) -> User:
    row = services.access.directory.users.get(name)
    if row is None:
        raise problem(
            404,
            "user-not-found",
            thing=f"user {name}",
            cause="there is no account of this name",
            next_step="towline user list",
        )
    return row


def _refuse_last_admin(services: Services, row: User) -> None:
    """Refuse to lock everybody out."""
    users = services.access.directory.users.values()
    admins = [user.name for user in users if user.role == Role.ADMIN.value and not user.disabled]
    if admins == [row.name]:
        raise problem(
            409,
            "last-admin",
            thing=f"user {row.name}",
            cause="is the only administrator",
            next_step="make another first: towline user set NAME --role admin",
        )


def _ref(row: User) -> ObjectRef:
    return ObjectRef("user", row.name, row.name)


def _info(row: User) -> UserInfo:
    return UserInfo(
        name=row.name,
        role=Role(row.role),
        disabled=row.disabled,
        has_password=row.password is not None,
        created=row.created,
    )
