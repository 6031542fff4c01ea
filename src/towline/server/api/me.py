"""Who one is."""

from __future__ import annotations

from fastapi import Request
from pydantic import BaseModel, Field

from towline.server.access import passwords
from towline.server.access.actions import ALL_SCOPES, Action, Role, Scope
from towline.server.access.caller import not_found
from towline.server.access.principal import ObjectRef
from towline.server.access.rules import Rule
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.problems import problem, problems
from towline.server.routing import Router

router = Router(prefix="/me", tags=["access"])


class Me(BaseModel):
    """The one who asks."""

    name: str
    role: Role
    scopes: list[Scope] = Field(description="What this key or cookie may be used for.")
    via: str = Field(description="key:<id>, cookie, or local: the key of the server's own user.")


class PasswordChange(BaseModel):
    """A new password, and the one that holds until now."""

    old: str | None = Field(
        default=None, max_length=passwords.LONGEST, description="null: there was none."
    )
    new: str = Field(min_length=passwords.SHORTEST, max_length=passwords.LONGEST)


@router.get("", rule=Rule(Action.ME_READ))
async def me(caller: CallerDep) -> Me:
    """Say who is asking, and what they may do."""
    return Me(
        name=caller.name,
        role=caller.role,
        scopes=sorted(caller.scopes),
        via=caller.principal.via,
    )


@router.put(
    "/password", rule=Rule(Action.PASSWORD_CHANGE), status_code=204, responses=problems(404, 429)
)
async def change_password(
    request: Request, body: PasswordChange, caller: CallerDep, services: ServicesDep
) -> None:
    """Change one's own password; all browsers of this user are logged out."""
    user = services.access.directory.users.get(caller.name)
    if user is None:
        raise not_found("user", caller.name)
    if user.password is None and caller.scopes != ALL_SCOPES:  # no old one is asked for
        raise problem(
            403,
            "wrong-scope",
            thing="the first password",
            cause="a key of some scopes cannot make a log-in of all",
            next_step="use a key that has all scopes",
        )
    address = request.client.host if request.client else ""
    await services.access.logins.change_password(user, body.old, body.new, address)
    await services.audit.record(
        caller, Action.PASSWORD_CHANGE.value, ObjectRef("user", caller.name, caller.name)
    )
