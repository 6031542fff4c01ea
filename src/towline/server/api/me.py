"""Who one is."""

from __future__ import annotations

from pydantic import BaseModel, Field

from towline.server.access.actions import Action, Role, Scope
from towline.server.access.rules import Rule
from towline.server.dependencies import CallerDep
from towline.server.routing import Router

router = Router(prefix="/me", tags=["access"])


class Me(BaseModel):
    """The one who asks."""

    name: str
    role: Role
    scopes: list[Scope] = Field(description="What this key or cookie may be used for.")
    via: str = Field(description="key:<id>, cookie, or local: the key of the server's own user.")


@router.get("", rule=Rule(Action.ME_READ))
async def me(caller: CallerDep) -> Me:
    """Say who is asking, and what they may do."""
    return Me(
        name=caller.name,
        role=caller.role,
        scopes=sorted(caller.scopes),
        via=caller.principal.via,
    )
