"""How a run ends: what its state, exit code and reason are, and the proof that nothing remains."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from towline.runs.folder import RunFolder
from towline.runs.ledger import FileLedger
from towline.runs.script import Outcome
from towline.runs.state import RunState
from towline.runs.view import RunView

Report = Callable[..., None]


@dataclass(frozen=True)
class Leftover:
    """Something of a run that is, or may be, still there."""

    cluster: str
    kind: str
    what: str
    detail: str = ""

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.kind} {self.what} on {self.cluster}{detail}"


Sweep = Callable[[FileLedger, str, Path, Report], Sequence[Leftover]]
"""Remove what the ledger has open for a tag; fetch logs into the folder; return the rest."""

SWEEP_PAUSES = (0.0, 5.0, 15.0, 30.0)  # seconds before each try: a short outage is waited for
_FULL = 64 * 1024  # bytes free, below which a disk counts as full
_TAIL = 64 * 1024


@dataclass(frozen=True)
class Ending:
    """The last word on a run; ``exit_code`` is that of ``towline run``."""

    state: RunState
    exit_code: int
    reason: str


def judge(
    outcome: Outcome,
    *,
    cancelled: bool,
    error: dict[str, Any] | None,
    exception: str | None,
    disk_full: bool,
    leftovers: Sequence[Leftover],
) -> Ending:
    """Decide how a run ended.

    Args:
        outcome: of the script.
        cancelled: whether somebody had asked for the end.
        error: the last TowlineError that the script reported, as written by ``as_dict``.
        exception: the last line of an uncaught exception's traceback.
        disk_full: whether the disk that holds the run folder has no room.
        leftovers: what could not be removed.

    """
    if cancelled:
        forced = outcome.signal in (signal.SIGTERM, signal.SIGKILL)
        reason = f"{outcome}: Ctrl-C did not end it" if forced else ""
        return Ending(RunState.CANCELLED, 130, reason)
    if outcome.succeeded:
        reason = f"the script succeeded, but something remains: {leftovers[0]}" if leftovers else ""
        return Ending(RunState.SUCCEEDED, 6 if leftovers else 0, reason)
    reason = f"{exception} ({outcome})" if exception else str(outcome)
    code = 1
    if error is not None:
        reason = f"{error.get('thing')}: {error.get('cause')}"
        code = int(error.get("exit_code", 1))
    if disk_full:
        reason += "; the disk that holds the run folder is full"
    return Ending(RunState.FAILED, code, reason)


def final_facts(
    view: RunView, ending: Ending, seconds: float, leftovers: Sequence[Leftover]
) -> dict[str, Any]:
    """Return the facts of the ``ended`` event: enough to list a run without reading the others."""
    return {
        "state": ending.state.value,
        "exit_code": ending.exit_code,
        "reason": ending.reason,
        "seconds": round(seconds, 3),
        "tasks": {"done": view.done, "failed": view.failed, "total": view.total},
        "clusters": view.cluster_names,
        "leftovers": [asdict(item) for item in leftovers],
    }


def last_exception(tail: str) -> str | None:
    """Return the last line of the last Python traceback in a text; None when there is none."""
    _, found, trace = tail.rpartition("Traceback (most recent call last):\n")
    if not found:
        return None
    for line in trace.splitlines():
        # Parsl puts a worker's traceback into ours, with its first marks out of their indent
        if line.strip("^~ ") and not line[0].isspace():
            return line[:500]
    return None


def tail_of(path: Path) -> str:
    """Return the last 64 KiB of a text file; empty when it is not there."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def disk_is_full(folder: RunFolder) -> bool:
    """Say whether the disk that holds a run folder has no room left for this user."""
    try:
        disk = os.statvfs(folder.path)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _FULL


def sweep_clusters(
    folder: RunFolder, sweep: Sweep, report: Report, pauses: Sequence[float] = SWEEP_PAUSES
) -> list[Leftover]:
    """Remove what the run's ledger has open on the clusters; return what remains.

    A cluster that cannot be reached is tried again after each pause: what remains there is not
    observed, and its agent's lease will end it.
    """
    remaining: list[Leftover] = []
    for number, pause in enumerate(pauses):
        if not folder.ledger.open_entries():
            return []
        if pause:
            report(
                "cleanup",
                step="waiting",
                text=f"{remaining[0]}; trying again in {pause:.0f} s",
                until=round(time.time() + pause, 3),
                left=len(pauses) - number,
            )
            time.sleep(pause)
        try:
            remaining = list(sweep(folder.ledger, folder.tag, folder.blocks, report))
        except Exception as error:  # whatever it is, the run must get its ending
            why = f"not observed: {type(error).__name__}: {error}"
            open_entries = folder.ledger.open_entries()
            remaining = [Leftover(e.cluster, e.kind, e.id, why) for e in open_entries]
        if not remaining:
            return []
    return remaining


def engine_sweep(ledger: FileLedger, tag: str, blocks: Path, report: Report) -> list[Leftover]:
    """Clean the clusters as the engine knows how; imported only when there is something to do."""
    from towline.engine.cleanup import sweep

    remaining = sweep(ledger, tag, blocks, report)
    return [Leftover(item.cluster, item.kind, item.what, item.detail) for item in remaining]
