"""What the routes of runs share: find the run that is asked for, if one may know of it."""

from __future__ import annotations

from collections.abc import Callable

from towline.runs import RunFolder
from towline.server.access.actions import Action
from towline.server.access.caller import Caller, not_found
from towline.server.access.principal import ObjectRef
from towline.server.index import IndexedRun
from towline.server.services import Services


def ref(run: IndexedRun) -> ObjectRef:
    """Return what rights on a run are checked on."""
    return ObjectRef("run", str(run.number), run.owner)


def may_read(caller: Caller) -> Callable[[IndexedRun], bool]:
    """Return whether somebody may see a run."""
    return lambda run: caller.may(Action.RUN_READ, ref(run))


async def find(
    number: int, services: Services, caller: Caller, action: Action = Action.RUN_READ
) -> IndexedRun:
    """Return a run with which one may do something.

    Raises:
        ProblemError: 404 when there is none, or one may not know of it; 403.

    """
    index = services.runs.index
    run: IndexedRun | None = index.get(number) or await index.find(number)
    if run is None:
        raise not_found("run", str(number))
    caller.check(action, ref(run))
    return run


def folder_of(run: IndexedRun, services: Services) -> RunFolder:
    """Return a run's folder."""
    return RunFolder(services.runs.index.folder / str(run.number))
