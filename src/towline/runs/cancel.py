"""Ask for a run's end, from wherever."""

from __future__ import annotations

import os
import signal

from towline.errors import RunError
from towline.runs.folder import RunFolder
from towline.runs.liveness import final_event, keeper_of, keeper_vanished
from towline.runs.process import Liveness
from towline.runs.spawn import start_reaper


def cancel(folder: RunFolder) -> bool:
    """Ask a run's supervisor to end it; return False when the run has ended already.

    The answer comes as events: ``cancelling``, at last ``ended``. A run whose supervisor vanished
    is cleaned up instead. May be repeated.

    Raises:
        RunError: when the run's supervisor cannot be reached from here.

    """
    if final_event(folder) is not None:
        return False
    if folder.keeper() is None and not keeper_vanished(folder):
        raise RunError(f"run {folder.number}", "it is just being started", "try again in a moment")
    keeper = keeper_of(folder)
    seen = keeper.look()
    if seen is Liveness.ALIVE:
        # A script or notebook that keeps its own run takes Ctrl-C; SIGTERM would just end it.
        keeps_itself = keeper.as_dict() == folder.asked.creator
        os.kill(keeper.pid, signal.SIGINT if keeps_itself else signal.SIGTERM)
        return True
    if keeper_vanished(folder):
        start_reaper(folder)
        return True
    raise RunError(
        f"run {folder.number}",
        f"its supervisor runs on {keeper.host}, out of reach from here",
        f"on {keeper.host}: towline run cancel {folder.number}",
    )
