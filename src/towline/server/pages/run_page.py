"""One run: what it does now, what it did, its log and files, and what can be done with it."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path

import anyio.to_thread
from fastapi import Request
from starlette.responses import Response

from towline.runs import RunFolder, RunState
from towline.runs.folder import Asked
from towline.runs.tasks import TaskTry
from towline.server.access.actions import Action
from towline.server.access.caller import Caller
from towline.server.access.rules import Rule
from towline.server.api._runs import find, folder_of, ref
from towline.server.api.run_models import RunNumber
from towline.server.api.runs import cancel_run, delete_run
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.index import Change, IndexedRun
from towline.server.pages.answers import done
from towline.server.pages.fragments import Changes, Fragments, stream
from towline.server.pages.rendering import page
from towline.server.pages.run_drawing import Picture, Rights, draw, draw_deleted
from towline.server.pages.run_list import may_stop
from towline.server.pages.run_log import first_offset
from towline.server.routing import Router
from towline.server.safe_files import FoundFile, NoSuchFile, listing
from towline.server.services import Services
from towline.server.shown_files import is_shown

router = Router(prefix="/runs/{number}", tags=["pages"], below="", include_in_schema=False)

LOGS = ("stdout", "stderr")
PAUSE = 0.5
FILES_SECONDS = 4.0
"""Between two listings of the files of a run that goes on; there may be thousands."""


@router.get("", rule=Rule(Action.RUN_READ, of="run"))
async def show_run(
    request: Request, number: RunNumber, services: ServicesDep, caller: CallerDep, log: str = ""
) -> Response:
    """Show a run."""
    run = await find(number, services, caller)
    folder = folder_of(run, services)
    drawing = _Drawing(services, caller, folder, number)
    fragments = await drawing.draw()
    shown = log if log in LOGS else _log_to_show(run, drawing.sizes)
    offset = await anyio.to_thread.run_sync(first_offset, folder.path / f"{shown}.log")
    return page(
        request,
        "runs/page.html",
        run=run,
        fragments=fragments,
        log=shown,
        sizes=drawing.sizes,
        offset=offset,
    )


@router.get("/stream", rule=Rule(Action.RUN_READ, of="run"))
async def follow_run(
    request: Request, number: RunNumber, services: ServicesDep, caller: CallerDep
) -> Response:
    """Send the parts of a run's page as they change."""
    run = await find(number, services, caller)
    drawing = _Drawing(services, caller, folder_of(run, services), number)
    return stream(request, drawing.draw, drawing.changed, pause=PAUSE)


@router.post("/stop", rule=Rule(Action.RUN_CANCEL, of="run"))
async def stop_run(
    request: Request, number: RunNumber, services: ServicesDep, caller: CallerDep
) -> Response:
    """Stop a run."""
    await cancel_run(number, services, caller)
    return done(request, f"/runs/{number}")


@router.post("/delete", rule=Rule(Action.RUN_DELETE, of="run"))
async def remove_run(
    request: Request, number: RunNumber, services: ServicesDep, caller: CallerDep
) -> Response:
    """Delete a run that has ended, with its log and files."""
    await delete_run(number, services, caller, forget_leftovers=False)
    return done(request, "/runs", leave=True)


class _Drawing:
    """Draws one run again and again for one reader."""

    def __init__(self, services: Services, caller: Caller, folder: RunFolder, number: int) -> None:
        self._services = services
        self._caller = caller
        self._folder = folder
        self._number = number
        self._picture = Picture(folder)
        self._last: Fragments = {}
        self.sizes: dict[str, int] = {}
        self._asked: Asked | None = None
        self._files: list[FoundFile] = []
        self._files_seen: tuple[bool, float] | None = None
        name = str(number)

        def concerns(change: Change) -> bool:
            return change.kind == "run" and change.name == name

        self._index_changes = Changes(services.runs.changes, concerns)
        self._waiting: asyncio.Future[None] | None = None

    async def draw(self) -> Fragments:
        """Return the parts of the page as they are now; what they were, once the run is deleted."""
        run: IndexedRun | None = self._services.runs.index.get(self._number)
        if run is None:
            return {**self._last, **draw_deleted(self._number)}
        tries = await self._services.runs.tasks.tries(self._folder.tasks, over=run.final)
        self._last = await anyio.to_thread.run_sync(
            lambda: self._draw(run, tries), abandon_on_cancel=True
        )
        return self._last

    def _draw(self, run: IndexedRun, tries: list[TaskTry]) -> Fragments:
        self._picture.read_on()
        self.sizes = {name: _size(self._folder.path / f"{name}.log") for name in LOGS}
        target = ref(run)
        rights = Rights(
            stop=may_stop(self._caller, run),
            delete=run.final and self._caller.may(Action.RUN_DELETE, target),
            again=run.workflow is not None and self._caller.may(Action.RUN_LAUNCH),
        )
        if self._asked is None:
            self._asked = self._folder.asked
        self._look_at_files(run)
        return draw(run, self._asked, self._picture, tries, self.sizes, self._files, rights)

    def _look_at_files(self, run: IndexedRun) -> None:
        """List the files, now and then while they change, and once the run has ended."""
        seen = (run.final, time.monotonic() // FILES_SECONDS)
        if self._files_seen is None or self._files_seen < seen:
            self._files, self._files_seen = _files(self._folder.path), seen

    async def changed(self) -> None:
        """Wait until the run, its events or its log have changed since they were drawn."""
        watch = self._services.runs.files
        paths = [self._folder.events.path, *(self._folder.path / f"{n}.log" for n in LOGS)]
        with ExitStack() as stack:
            files = [stack.enter_context(watch.watching(path)) for path in paths]
            waits = [asyncio.ensure_future(file.mark().wait()) for file in files]
            waiting = self._waiting
            if waiting is None or waiting.done():
                waiting = self._waiting = asyncio.ensure_future(self._index_changes())
            try:
                await asyncio.wait([*waits, waiting], return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                waiting.cancel()
                raise
            finally:
                for wait in waits:
                    wait.cancel()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _log_to_show(run: IndexedRun, sizes: dict[str, int]) -> str:
    """Return the log that says most: why it failed, when nothing else does."""
    failed = run.state is RunState.FAILED
    return "stderr" if sizes["stderr"] and (failed or not sizes["stdout"]) else "stdout"


def _files(root: Path) -> list[FoundFile]:
    """Return the files of a run, those of its own folder ``work`` first."""
    try:
        found = listing(root, (), is_shown, most=5000, deep=True)
    except NoSuchFile:
        return []
    files = [each for each in found if each.kind != "folder"]
    return sorted(files, key=lambda each: (not each.path.startswith("work/"), each.path))
