"""Delete the folder of a run that is over."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from towline.errors import LeftoversRemain, RunError, RunNotFound
from towline.runs.folder import DOOMED, RunFolder, runs_folder
from towline.runs.liveness import final_event
from towline.runs.locks import locked


def delete(folder: RunFolder, *, forget_leftovers: bool = False) -> None:
    """Delete a run's folder: its logs, events and ledger.

    Args:
        folder: the run's.
        forget_leftovers: delete even when the ledger says that something may remain on a cluster.

    Raises:
        RunNotFound: when somebody else has deleted it.
        RunError: when the run has not ended, or its folder cannot be deleted.
        LeftoversRemain: when something may remain that only this ledger knows of.

    """
    thing = f"run {folder.number}"
    if final_event(folder) is None and folder.path.is_dir():
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
        discard(folder)
    except OSError as error:
        where = error.filename or folder.path
        raise RunError(thing, f"cannot be deleted: {where}: {error.strerror}") from error


def discard(folder: RunFolder) -> None:
    """Remove a run's folder, and what deletions that were cut short have left of others.

    Raises:
        RunNotFound: it is not there any more.
        OSError: it cannot be removed.

    """
    runs = os.open(runs_folder(), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with locked(runs):
            # Out of the list first: a deletion that is cut short leaves no half of a run in it.
            doomed = folder.path.with_name(f"{DOOMED}{folder.number}")
            try:
                folder.path.rename(doomed)
            except FileNotFoundError as error:
                thing = f"run {folder.number}"
                raise RunNotFound(thing, "there is no such run", "towline run list") from error
            _finish(doomed)
            for earlier in runs_folder().glob(f"{DOOMED}*"):
                with contextlib.suppress(OSError, ValueError):
                    _finish(earlier)
    finally:
        os.close(runs)


def _finish(doomed: Path) -> None:
    number = int(doomed.name.removeprefix(DOOMED))
    for path in doomed.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    # Only now is there room on a full disk; until it is written, the empty folder keeps the number.
    RunFolder.remember_number(number)
    doomed.rmdir()
