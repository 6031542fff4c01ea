"""Part of a run's log as a page shows it: whole lines, and the line that is still being written."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import anyio.to_thread
from fastapi import Query
from starlette.responses import JSONResponse, Response

from towline.server.access.actions import Action
from towline.server.access.rules import Rule
from towline.server.api._runs import find, folder_of
from towline.server.api.run_logs import Stream
from towline.server.api.run_models import RunNumber
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.log_text import part_of_file
from towline.server.pages.ansi import Style, lines_html
from towline.server.routing import Router

CHUNK = 96 * 1024
SHOWN_AT_FIRST = 192 * 1024
"""Bytes at the end of a log with which a page begins; the whole is a download."""

router = Router(tags=["pages"], below="", include_in_schema=False)


@dataclass(frozen=True)
class LogPart:
    """Lines of a log, ready to be added to a page.

    ``offset`` and ``style`` are where and how to go on; ``tail`` is the line behind them that has
    no end yet, and is drawn anew each time.
    """

    html: str
    tail: str
    offset: int
    style: str


def log_part(path: Path, offset: int, style: str, *, final: bool) -> LogPart:
    """Return what a log has behind an offset, up to 96 KiB of it."""
    part = part_of_file(path, offset, CHUNK, final)
    whole, _, rest = part.data.rpartition(b"\n")
    if not whole and not part.data.startswith(b"\n") and len(part.data) >= CHUNK - 4:
        whole, rest = part.data, b""  # a line of nothing but progress: cut where it is
        taken = len(part.data)
    else:
        taken = len(part.data) - len(rest)
    begun = Style.from_text(style)
    html, now = ("", begun) if not taken else lines_html(_text(whole), begun)
    tail = lines_html(_text(rest), now)[0] if rest else ""
    return LogPart(html, tail, part.start + taken, now.as_text())


def first_offset(path: Path) -> int:
    """Return the byte of a log that a page begins with: the beginning of a line near its end."""
    part = part_of_file(path, -SHOWN_AT_FIRST, SHOWN_AT_FIRST, True)
    if part.start == 0:
        return 0
    cut = part.data.find(b"\n") + 1
    return part.start + cut


@router.get("/runs/{number}/log", rule=Rule(Action.RUN_READ, of="run"))
async def read_on(
    number: RunNumber,
    services: ServicesDep,
    caller: CallerDep,
    stream: Stream = Stream.STDOUT,
    offset: Annotated[int, Query(ge=0, le=2**53)] = 0,
    style: Annotated[str, Query(max_length=100, pattern="^[0-9;]*$")] = "",
) -> Response:
    """Send what the log has behind an offset."""
    run = await find(number, services, caller)
    path = folder_of(run, services).path / f"{stream.value}.log"
    part = await anyio.to_thread.run_sync(lambda: log_part(path, offset, style, final=run.final))
    return JSONResponse(asdict(part))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
