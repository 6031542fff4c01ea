"""Files that a request sends as a form: written to the disk while they arrive."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio.to_thread
from fastapi import Request
from starlette.datastructures import UploadFile

from towline.server.problems import problem
from towline.server.uploads import Upload, Uploads

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Received:
    """A file of a form, on the disk until the request is answered; ``name`` as it was sent."""

    name: str
    path: Path


@asynccontextmanager
async def received_file(request: Request, field: str, folder: Path) -> AsyncIterator[Received]:
    """Yield the one file of a form.

    Args:
        request: with a ``multipart/form-data`` body; its route limits how long that may be.
        field: of the form.
        folder: where the file is kept meanwhile; made when it is not there.

    Raises:
        ProblemError: there is no such file in it.

    """
    async with request.form(max_files=1, max_fields=8) as form:
        sent = form.get(field)
        if not isinstance(sent, UploadFile):
            raise problem(
                422,
                "invalid-request",
                thing="the request",
                cause=f"there is no file in the form's field '{field}'",
                fields=[(field, "is missing, or no file")],
            )
        written = await anyio.to_thread.run_sync(partial(_write, sent, folder))
        try:
            yield Received(sent.filename or "file", written)
        finally:
            await anyio.to_thread.run_sync(partial(written.unlink, missing_ok=True))


async def keep_sent(sent: UploadFile, uploads: Uploads, owner: str) -> Upload:
    """Keep one of a form's files as an upload of a user."""
    written = await anyio.to_thread.run_sync(partial(_write, sent, uploads.folder))
    try:
        keep = partial(uploads.keep, owner, sent.filename or "file", written)
        return await anyio.to_thread.run_sync(keep)
    finally:
        await anyio.to_thread.run_sync(partial(written.unlink, missing_ok=True))


def _write(sent: UploadFile, folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".received-", delete=False) as file:
        try:
            shutil.copyfileobj(sent.file, file, _CHUNK)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
        return Path(file.name)
