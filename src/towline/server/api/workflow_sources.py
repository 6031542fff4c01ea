"""Read from a request where a workflow is to be taken from: JSON, or a form with an archive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from towline.server.access.actions import Action
from towline.server.access.caller import Caller
from towline.server.api.workflow_models import WorkflowToInstall
from towline.server.problems import problem
from towline.server.received import received_file
from towline.server.services import Services
from towline.workflows import FromArchive, FromGit, FromPath
from towline.workflows.sources import Wanted

MOST_ARCHIVE_BYTES = 256 << 20
"""Of a request that brings an archive."""

_MOST_JSON_BYTES = 1 << 20
_GIT_SECONDS = 120.0

BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": WorkflowToInstall.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["archive"],
                    "properties": {"archive": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}
"""What the routes declare; the two kinds of body are read here."""


@asynccontextmanager
async def wanted_source(
    request: Request, services: Services, caller: Caller
) -> AsyncIterator[tuple[Wanted, str | None]]:
    """Yield the source that a request names or brings, and the name that it asks for.

    Raises:
        ProblemError: 415 for another body, 422 for a wrong one, 403 for a path of this machine.

    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with received_file(request, "archive", services.uploads.folder) as file:
            yield FromArchive(file.path, Path(file.name).name), None
        return
    if kind != "application/json":
        raise problem(
            415,
            "unsupported-media-type",
            thing="the request",
            cause=f"its body is {kind or 'of no stated type'}",
            next_step="send application/json, or multipart/form-data with the file `archive`",
        )
    asked = await _read(request)
    if asked.path is not None:
        caller.check(Action.WORKFLOW_INSTALL_PATH)
        yield FromPath(Path(asked.path)), asked.name
    else:
        # Never `local`: a URL from the network must not read this machine's disk.
        yield FromGit(asked.git or "", asked.ref, asked.folder, seconds=_GIT_SECONDS), asked.name


async def _read(request: Request) -> WorkflowToInstall:
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > _MOST_JSON_BYTES:
            raise problem(
                413, "content-too-large", thing="the request", cause="its JSON is over 1 MiB"
            )
    try:
        return WorkflowToInstall.model_validate_json(data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        raise RequestValidationError(
            [{**each, "loc": ("body", *each["loc"])} for each in found]
        ) from error
