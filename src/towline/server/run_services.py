"""What the routes of runs work with; starts and ends with the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from towline.runs import runs_folder
from towline.server.access.principal import ObjectRef
from towline.server.idempotency import Idempotency
from towline.server.index import ChangeHub, FileWatch, RunIndex
from towline.server.launcher import Launcher
from towline.server.services import Services
from towline.server.task_tables import TaskTables


@dataclass
class RunServices:
    """The index of runs, and what reads their files.

    ``changes`` is told of every change of a run; what else changes may be told there as well.
    """

    index: RunIndex
    changes: ChangeHub
    files: FileWatch
    launcher: Launcher
    tasks: TaskTables = field(default_factory=TaskTables)


@asynccontextmanager
async def run_services(services: Services) -> AsyncIterator[None]:
    """Start the index; nothing of a run ends with it."""
    changes, files = ChangeHub(), FileWatch()
    index = RunIndex(runs_folder(), services.store, changes, files)
    launcher = Launcher(index, Idempotency(services.store))
    services.runs = RunServices(index, changes, files, launcher)

    async def with_owner(name: str) -> ObjectRef | None:
        run = await index.find(int(name)) if name.isdecimal() else None
        return None if run is None else ObjectRef("run", str(run.number), run.owner)

    services.finders["run"] = with_owner
    await index.start()
    try:
        yield
    finally:
        await files.close()
        await index.close()
