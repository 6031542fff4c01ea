"""Whether the server is there: for those who start it, and for what watches it."""

from __future__ import annotations

from pydantic import BaseModel

from towline.server.access.rules import Rule
from towline.server.routing import Router

router = Router(tags=["server"], below="")


class Health(BaseModel):
    """The server answers."""

    status: str = "ok"


@router.get("/healthz", rule=Rule.public("it says nothing but that there is a server"))
async def health() -> Health:
    """Say that the server answers."""
    return Health()
