"""Whether somebody still looks after a run; the run's state as seen from here."""

from __future__ import annotations

import os

from towline.runs.events import Event
from towline.runs.folder import RunFolder
from towline.runs.locks import take_for_life
from towline.runs.process import Liveness, ProcessIdentity


def final_event(folder: RunFolder) -> Event | None:
    """Return the run's ``ended`` event; None while it has none."""
    last = folder.events.last()
    return last if last is not None and last.name == "ended" else None


def keeper_of(folder: RunFolder) -> ProcessIdentity:
    """Return who looks after the run: its supervisor, or before that its creator."""
    return folder.keeper() or ProcessIdentity.from_dict(folder.asked.creator)


def keeper_vanished(folder: RunFolder) -> bool:
    """Say whether the run's keeper is surely gone; False when that cannot be observed from here.

    In another container of the same machine pids say nothing, so the keeper's lock does.
    """
    keeper = keeper_of(folder)
    seen = keeper.look()
    if seen is Liveness.NOT_OBSERVED and keeper.same_kernel():
        lock = take_for_life(folder.keeper_lock)
        if lock is None:
            return False
        os.close(lock)
        return True
    return seen is Liveness.GONE
