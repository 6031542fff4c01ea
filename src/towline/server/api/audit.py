"""The audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy import select

from towline.server.access.actions import Action
from towline.server.access.rules import Rule
from towline.server.dependencies import ServicesDep
from towline.server.paging import Cursor, Limit, Page, make_cursor, read_cursor
from towline.server.problems import problems
from towline.server.routing import Router
from towline.store import AuditEntry

router = Router(prefix="/audit", tags=["access"])

_Filter = Annotated[str | None, Query(max_length=255, pattern=r"^[^\x00]*$")]


class AuditLine(BaseModel):
    """Who did what to what."""

    id: int
    time: datetime
    who: str
    via: str
    action: str
    kind: str
    object: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@router.get("", rule=Rule(Action.AUDIT_READ, of="audit"), responses=problems(422))
async def list_audit(
    services: ServicesDep,
    who: _Filter = None,
    action: _Filter = None,
    kind: _Filter = None,
    object: _Filter = None,  # noqa: A002 - the API's word
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AuditLine]:
    """List what was done, the newest first."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit + 1)
    if cursor:
        query = query.where(AuditEntry.id < read_cursor(cursor, int)[0])
    filters = ((AuditEntry.who, who), (AuditEntry.action, action), (AuditEntry.kind, kind))
    for column, wanted in (*filters, (AuditEntry.object, object)):
        if wanted is not None:
            query = query.where(column == wanted)
    async with services.store.session() as session:
        rows = list(await session.scalars(query))
    lines = [AuditLine.model_validate(row, from_attributes=True) for row in rows[:limit]]
    more = len(rows) > limit
    return Page(items=lines, next_cursor=make_cursor(lines[-1].id) if more else None)
