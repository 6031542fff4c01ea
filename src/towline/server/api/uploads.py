"""Send a file for a file field of a form."""

from __future__ import annotations

from functools import partial

import anyio.to_thread
from fastapi import Request
from pydantic import BaseModel, Field

from towline.server.access.actions import Action
from towline.server.access.rules import Rule
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.problems import problems
from towline.server.received import received_file
from towline.server.routing import Router
from towline.server.uploads import MOST_BYTES

router = Router(prefix="/uploads", tags=["workflows"])

FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


class UploadInfo(BaseModel):
    """A file that was received; it is kept for a day, for its sender's runs."""

    id: str = Field(description="The value of a file field.")
    name: str
    size: int = Field(description="Bytes.")


@router.post(
    "",
    rule=Rule(Action.UPLOAD),
    status_code=201,
    responses=problems(400, 413, 422),
    openapi_extra=FORM,
    max_body_size=MOST_BYTES + (1 << 16),
)
async def upload(request: Request, caller: CallerDep, services: ServicesDep) -> UploadInfo:
    """Send one file, as the form field ``file``; the answer's ``id`` is what a file field takes."""
    uploads = services.uploads
    async with received_file(request, "file", uploads.folder) as file:
        keep = partial(uploads.keep, caller.name, file.name, file.path)
        kept = await anyio.to_thread.run_sync(keep)
    return UploadInfo(id=kept.id, name=kept.name, size=kept.size)
