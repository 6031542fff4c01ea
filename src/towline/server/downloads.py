"""Send an open file, or a part of it, in a way that no browser runs what is in it."""

from __future__ import annotations

import email.utils
import mimetypes
import os
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from towline.server.problems import problem

CHUNK = 256 * 1024

SANDBOX = "sandbox; default-src 'none'"
"""Even where it is shown: no script, no form, no other origin's cookies."""

DOWNLOAD: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, as an attachment.",
        "content": {"application/octet-stream": {"schema": {"type": "string"}}},
    },
    206: {
        "description": "The part that Range asked for.",
        "content": {"application/octet-stream": {"schema": {"type": "string"}}},
    },
    304: {"description": "Not changed since If-None-Match."},
}
"""What a route of files declares."""

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def send(request: Request, descriptor: int, name: str) -> Response:
    """Return the answer that sends an open regular file; the descriptor is closed with it.

    One range is answered (416 where it lies outside); several, or one that cannot be read, get
    the whole file, as RFC 9110 allows. What is added while it is sent does not come along.

    Args:
        request: what is answered.
        descriptor: of the file.
        name: what it is to be called where it is saved.

    Raises:
        ProblemError: 416 when the range lies outside the file.

    """
    about = os.fstat(descriptor)
    size = about.st_size
    tag = f'"{about.st_ino:x}-{about.st_mtime_ns:x}-{size:x}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Last-Modified": email.utils.formatdate(about.st_mtime, usegmt=True),
        "Cache-Control": "private, no-cache",
        **attachment(name),
    }
    if request.headers.get("if-none-match") == tag:
        os.close(descriptor)
        return Response(status_code=304, headers=headers)
    start, end, status = 0, size, 200
    asked = request.headers.get("range")
    if asked and request.headers.get("if-range", tag) == tag:
        part = wanted_range(asked, size)
        if part == OUTSIDE:
            os.close(descriptor)
            raise problem(
                416,
                "range-not-satisfiable",
                thing=name[:200],
                cause=f"it has {size} bytes, and the range begins behind them",
                next_step="ask for a range inside, or leave Range out",
                headers={"Content-Range": f"bytes */{size}"},
            )
        if part is not None:
            (start, end), status = part, 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    return _Sent(descriptor, start, end, status, headers, media_type(name))


class _Sent(StreamingResponse):
    """Part of an open file; closes it however the sending ends."""

    def __init__(
        self,
        descriptor: int,
        start: int,
        end: int,
        status: int,
        headers: dict[str, str],
        media: str,
    ) -> None:
        super().__init__(_parts(descriptor, start, end), status, headers, media)
        self._descriptor = descriptor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            os.close(self._descriptor)


def attachment(name: str) -> dict[str, str]:
    """Return the headers that make a browser save what is sent, whatever it holds."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return {
        "Content-Disposition": disposition,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": SANDBOX,
    }


def media_type(name: str) -> str:
    """Return a file's media type by its name."""
    if name.endswith((".log", ".jsonl", ".py", ".sh", ".yaml", ".yml", ".out", ".err")):
        return "text/plain; charset=utf-8"
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


OUTSIDE = (-1, -1)


def wanted_range(header: str, size: int) -> tuple[int, int] | None:
    """Return start and end (behind the last byte) of the range that is asked for.

    None: none that can be understood, or several: send everything. ``OUTSIDE``: not in the file.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        length = int(match[2])
        return (max(0, size - length), size) if length and size else OUTSIDE
    start, end = int(match[1]), int(match[2] or size) + (1 if match[2] else 0)
    if match[2] and end <= start:
        return None
    return (start, min(end, size)) if start < size else OUTSIDE


async def _parts(descriptor: int, start: int, end: int) -> AsyncIterator[bytes]:
    while start < end:
        data = await anyio.to_thread.run_sync(os.pread, descriptor, min(CHUNK, end - start), start)
        if not data:
            raise OSError("the file was cut while it was sent")  # the client sees it incomplete
        start += len(data)
        yield data
