"""The files of a run: what its folder shows, and what its workflow calls its outputs."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import anyio.to_thread
from fastapi import Path, Query, Request
from starlette.responses import Response

from towline.runs import RunFolder
from towline.runs.artifacts import artifacts
from towline.server.access.actions import Action
from towline.server.access.rules import Rule
from towline.server.api._runs import find, folder_of
from towline.server.api.run_models import FileOfRun, RunNumber
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.downloads import DOWNLOAD, send
from towline.server.index import iso
from towline.server.paging import Cursor, Limit, Page, make_cursor, read_cursor
from towline.server.problems import ProblemError, problem, problems
from towline.server.routing import Router
from towline.server.safe_files import FoundFile, NoSuchFile, is_text, listing, open_file, parts_of
from towline.server.shown_files import is_shown

router = Router(prefix="/runs/{number}", tags=["runs"])

MOST_LISTED = 20_000
"""Entries that a listing looks at; a run with more files is better fetched by folder."""

FilePath = Annotated[str, Path(description="Relative, with slashes; as the listing has it.")]


@router.get("/files", rule=Rule(Action.RUN_READ, of="run"), responses=problems(422))
async def list_files(
    number: RunNumber,
    services: ServicesDep,
    caller: CallerDep,
    path: Annotated[
        str, Query(max_length=4096, description="A folder below the run's; empty: the run's.")
    ] = "",
    deep: Annotated[bool, Query(description="Folders' contents too.")] = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[FileOfRun]:
    """List a folder of a run, by name. Links are named, and never followed."""
    run = await find(number, services, caller)
    root = folder_of(run, services).path
    start = max(0, read_cursor(cursor, int)[0]) if cursor else 0
    try:
        parts = parts_of(path.rstrip("/"))
        if parts and not is_shown(parts, True):
            raise NoSuchFile(path)
        look = partial(listing, root, parts, is_shown, most=MOST_LISTED, deep=deep)
        found = await anyio.to_thread.run_sync(look)
    except NoSuchFile:
        raise _no_file(number, path) from None
    return _page(found, start, limit)


@router.get(
    "/files/{path:path}",
    rule=Rule(Action.RUN_READ, of="run"),
    responses={**DOWNLOAD, **problems(409, 416)},
    response_class=Response,
)
async def read_file(
    request: Request, number: RunNumber, path: FilePath, services: ServicesDep, caller: CallerDep
) -> Response:
    """Send a file of a run, or the part that the header Range asks for."""
    run = await find(number, services, caller)
    descriptor = await _open(folder_of(run, services), path)
    return send(request, descriptor, path.rpartition("/")[2])


@router.get("/artifacts", rule=Rule(Action.RUN_READ, of="run"), responses=problems(422))
async def list_artifacts(
    number: RunNumber,
    services: ServicesDep,
    caller: CallerDep,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[FileOfRun]:
    """List the results that the run's workflow names as its outputs, as they are now."""
    run = await find(number, services, caller)
    start = max(0, read_cursor(cursor, int)[0]) if cursor else 0
    found = await anyio.to_thread.run_sync(artifacts, folder_of(run, services))
    files = [FoundFile(each.path, "file", each.size, each.modified) for each in found]
    return _page([file for file in files if is_text(file.path)], start, limit)


@router.get(
    "/artifacts/{path:path}",
    rule=Rule(Action.RUN_READ, of="run"),
    responses={**DOWNLOAD, **problems(409, 416)},
    response_class=Response,
)
async def read_artifact(
    request: Request, number: RunNumber, path: FilePath, services: ServicesDep, caller: CallerDep
) -> Response:
    """Send a result of the run, or the part that the header Range asks for."""
    run = await find(number, services, caller)
    folder = folder_of(run, services)
    names = await anyio.to_thread.run_sync(lambda: {each.path for each in artifacts(folder)})
    if path not in names:
        raise _no_file(number, path)
    descriptor = await _open(folder, f"work/{path}")
    return send(request, descriptor, path.rpartition("/")[2])


async def _open(folder: RunFolder, path: str) -> int:
    try:
        parts = parts_of(path)
        if not is_shown(parts, False):
            raise NoSuchFile(path)
        return await anyio.to_thread.run_sync(open_file, folder.path, parts)
    except NoSuchFile:
        raise _no_file(folder.number, path) from None
    except PermissionError:
        raise problem(
            409,
            "file-not-readable",
            thing=f"{path[:200]} of run {folder.number}",
            cause="the server's user may not read it",
            next_step="give it back its permission to be read, where the run's folder is",
        ) from None


def _page(found: list[FoundFile], start: int, limit: int) -> Page[FileOfRun]:
    page = found[start : start + limit]
    more = make_cursor(start + limit) if start + limit < len(found) else None
    items = [
        FileOfRun.model_validate(
            {"path": f.path, "kind": f.kind, "size": f.size, "modified": iso(f.modified)}
        )
        for f in page
    ]
    return Page[FileOfRun](items=items, next_cursor=more)


def _no_file(number: int, path: str) -> ProblemError:
    return problem(
        404,
        "file-not-found",
        thing=f"{path[:200]} of run {number}",
        cause="there is no such file that is shown (links are not followed)",
        next_step=f"see GET /api/v1/runs/{number}/files",
    )
