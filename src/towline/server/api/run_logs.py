"""What a run's script has written: any part of it, and as it comes."""

from __future__ import annotations

import codecs
from collections.abc import AsyncGenerator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import anyio.to_thread
from fastapi import Query, Request
from starlette.responses import Response

from towline.server.access.actions import Action
from towline.server.access.rules import Rule
from towline.server.api._runs import find, folder_of
from towline.server.api.run_models import RunNumber
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.downloads import SANDBOX
from towline.server.index import FileWatch, RunIndex
from towline.server.log_text import part_of_file, whole_characters
from towline.server.problems import problems
from towline.server.routing import Router
from towline.server.streams import STREAM, EventStream, event, last_event_id, sse

router = Router(prefix="/runs/{number}/log", tags=["runs"])

CHUNK = 64 * 1024
LARGEST = 4 * 1024 * 1024


class Stream(str, Enum):
    """Which output of the script."""

    STDOUT = "stdout"
    STDERR = "stderr"


Offset = Annotated[
    int,
    Query(
        ge=-(2**53),
        le=2**53,
        description="Byte to begin with; negative: so many bytes before the end.",
    ),
]
StreamName = Annotated[Stream, Query(description="Which output.")]

_TEXT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The text, as it was written; X-Next-Offset says where to go on.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
        "headers": {
            "X-Next-Offset": {"schema": {"type": "integer"}},
            "X-Log-Size": {"schema": {"type": "integer"}},
            "X-Log-Complete": {
                "description": "true: the run has ended, and this part reaches the end.",
                "schema": {"type": "string", "enum": ["true", "false"]},
            },
        },
    }
}


@router.get("", rule=Rule(Action.RUN_READ, of="run"), responses=_TEXT, response_class=Response)
async def read_log(
    number: RunNumber,
    services: ServicesDep,
    caller: CallerDep,
    stream: StreamName = Stream.STDOUT,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=4, le=LARGEST, description="Bytes at most.")] = CHUNK,
) -> Response:
    """Return part of a log as it was written: UTF-8 with escape sequences, no character cut."""
    run = await find(number, services, caller)
    path = folder_of(run, services).path / f"{stream.value}.log"
    part = await anyio.to_thread.run_sync(part_of_file, path, offset, limit, run.final)
    return Response(
        part.data,
        media_type="text/plain; charset=utf-8",
        headers={
            "X-Next-Offset": str(part.next_offset),
            "X-Log-Size": str(part.size),
            "X-Log-Complete": str(run.final and part.next_offset >= part.size).lower(),
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": SANDBOX,
        },
    )


@router.get(
    "/events",
    rule=Rule(Action.RUN_READ, of="run"),
    responses={**STREAM, **problems(422)},
    response_class=EventStream,
)
async def follow_log(
    request: Request,
    number: RunNumber,
    services: ServicesDep,
    caller: CallerDep,
    stream: StreamName = Stream.STDOUT,
    offset: Offset = 0,
) -> Response:
    """Send a log as it grows, until the run has ended.

    Events: `log` with `{"text", "start", "offset"}`, whose id is `offset`, the byte to go on from;
    at the end `end` with `{"offset", "state", "exit_code"}`.
    """
    run = await find(number, services, caller)
    path = folder_of(run, services).path / f"{stream.value}.log"
    if (came_from := last_event_id(request)) and came_from.isdecimal() and len(came_from) < 17:
        offset = int(came_from)
    if offset < 0:
        offset = await anyio.to_thread.run_sync(_from_end, path, offset, run.final)
    runs = services.runs
    return sse(request, _log_events(runs.index, runs.files, number, path, offset))


def _from_end(path: Path, offset: int, final: bool) -> int:
    part = part_of_file(path, offset, 4, final)
    return part.start


async def _log_events(
    index: RunIndex, files: FileWatch, number: int, path: Path, offset: int
) -> AsyncGenerator[bytes, None]:
    with files.watching(path) as file:
        while True:
            changed = file.mark()
            run = index.get(number)
            over = run is None or run.final
            data = await file.read(offset, CHUNK, last=over)
            whole = whole_characters(data) if len(data) == CHUNK or not over else len(data)
            if whole:
                text = codecs.decode(data[:whole], "utf-8", "replace")
                facts = {"text": text, "start": offset, "offset": offset + whole}
                offset += whole
                yield event("log", facts, offset)
            elif over:
                state = run.state.value if run else "deleted"
                code = run.exit_code if run else None
                yield event("end", {"offset": offset, "state": state, "exit_code": code}, offset)
                return
            else:
                await changed.wait()
