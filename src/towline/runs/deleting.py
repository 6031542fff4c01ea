"""Delete the folder of a run that is over."""

from __future__ import annotations

import shutil

from towline.errors import LeftoversRemain, RunError
from towline.runs.folder import RunFolder
from towline.runs.liveness import final_event


def delete(folder: RunFolder, *, forget_leftovers: bool = False) -> None:
    """Delete a run's folder: its logs, events and ledger.

    Args:
        folder: the run's.
        forget_leftovers: delete even when the ledger says that something may remain on a cluster.

    Raises:
        RunError: when the run has not ended, or its folder cannot be deleted.
        LeftoversRemain: when something may remain that only this ledger knows of.

    """
    thing = f"run {folder.number}"
    if final_event(folder) is None:
        raise RunError(thing, "has not ended", f"towline run cancel {folder.number}")
    remaining = folder.ledger.open_entries()
    if remaining and not forget_leftovers:
        first = remaining[0]
        raise LeftoversRemain(
            thing,
            f"something of it may remain: {first.kind} on {first.cluster}",
            f"towline run leftovers {folder.number} --remove",
        )
    try:
        RunFolder.remember_number(folder.number)
        # Out of the list first: a deletion that is cut short leaves no half of a run in it.
        doomed = folder.path.with_name(f".deleting-{folder.path.name}")
        folder.path.rename(doomed)
        shutil.rmtree(doomed)
    except OSError as error:
        raise RunError(thing, f"cannot be deleted: {error.filename}: {error.strerror}") from error
