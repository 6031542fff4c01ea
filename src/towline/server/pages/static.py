"""Styles and scripts: read once, sent compressed, kept by browsers until their content changes."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import Request
from starlette.responses import Response

from towline.server.access.caller import not_found
from towline.server.access.rules import Rule
from towline.server.routing import Router

FOLDER = Path(__file__).parent.parent / "static"

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOREVER = "public, max-age=31536000, immutable"

router = Router(tags=["pages"], below="", include_in_schema=False)


@dataclass(frozen=True)
class StaticFile:
    """One file as it is sent."""

    media_type: str
    plain: bytes
    compressed: bytes


@cache
def files() -> dict[str, StaticFile]:
    """Return every file by its path below the folder."""
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.suffix in _TYPES:
            data = path.read_bytes()
            name = path.relative_to(FOLDER).as_posix()
            found[name] = StaticFile(_TYPES[path.suffix], data, gzip.compress(data, 9, mtime=0))
    return found


@cache
def digest() -> str:
    """Return what changes when any file does; scripts that import others share it."""
    together = hashlib.sha256()
    for name, file in files().items():
        together.update(f"{name}\0{len(file.plain)}\0".encode() + file.plain)
    return together.hexdigest()[:16]


@cache
def address(name: str) -> str:
    """Return the address of a file.

    Raises:
        KeyError: there is none: a mistake in a template.

    """
    files()[name]
    return f"/static/{digest()}/{name}"


@router.get(
    "/static/{version}/{name:path}",
    rule=Rule(None, of="static-file", why_public="the same for all; holds nothing private"),
)
async def send_static(request: Request, version: str, name: str) -> Response:
    """Send a file; for good under the present version, unkept under another."""
    file = files().get(name)
    if file is None:
        raise not_found("file", name[:100])
    headers = {
        "Cache-Control": _FOREVER if version == digest() else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(file.compressed, media_type=file.media_type, headers=headers)
    return Response(file.plain, media_type=file.media_type, headers=headers)
