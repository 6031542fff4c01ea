"""The runs of this workspace, each in a line or in full."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from towline.errors import RunError
from towline.runs.folder import RunFolder
from towline.runs.liveness import final_event, keeper_vanished
from towline.runs.render import tasks
from towline.runs.spawn import start_reaper
from towline.runs.state import RunState
from towline.runs.view import RunView, fold


@dataclass(frozen=True)
class RunSummary:
    """One run in a line; times in unix seconds."""

    number: int
    tag: str
    state: RunState
    created: float
    seconds: float | None
    script: str
    argv: list[str] = field(default_factory=list)
    done: int = 0
    failed: int = 0
    total: int = 0
    clusters: list[str] = field(default_factory=list)
    exit_code: int | None = None
    reason: str = ""
    leftovers: int | None = None
    workflow: str | None = None

    @property
    def tasks(self) -> str:
        """The tasks as ``12/30``; empty when the run has none."""
        words = tasks(self.done, self.failed, self.total)
        return words.replace(" tasks", "").replace(" task", "") if self.total else ""


def picture(folder: RunFolder) -> RunView:
    """Return a run as it is now; start cleaning up when its supervisor has vanished."""
    view = fold(folder.events.read())
    view.number, view.tag = folder.number, folder.tag
    view.script = view.script or folder.asked.script
    view.created = view.created or folder.asked.created
    if view.state.final:
        return view
    vanished = keeper_vanished(folder) and final_event(folder) is None
    if vanished:
        start_reaper(folder)
    if vanished or view.reaping:  # the one who cleans up is seen as its keeper
        view.state = RunState.LOST
        view.reason = "its supervisor has vanished; cleaning up after it now"
    return view


def summarise(folder: RunFolder) -> RunSummary:
    """Return a run in a line; of an ended run only the last event is read.

    Raises:
        RunError: when ``run.json`` cannot be read.

    """
    asked = folder.asked
    last = final_event(folder)
    if last is not None:
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            return _from_ending(folder, last.facts)
    view = picture(folder)
    return RunSummary(
        number=folder.number,
        tag=asked.tag,
        state=view.state,
        created=asked.created,
        seconds=view.seconds,
        script=asked.script,
        argv=asked.argv,
        done=view.done,
        failed=view.failed,
        total=view.total,
        clusters=view.cluster_names,
        exit_code=view.exit_code,
        reason=view.reason,
        workflow=(asked.workflow or {}).get("name"),
    )


def summaries(
    folders: Iterable[RunFolder], states: Iterable[RunState] = (), limit: int = 0
) -> list[RunSummary]:
    """Return runs in a line each, those in some states, at most ``limit`` (0: all).

    A run whose record cannot be read is passed over: it must not hide the others.
    """
    wanted = set(states)
    found: list[RunSummary] = []
    for folder in folders:
        if limit and len(found) == limit:
            break
        with contextlib.suppress(RunError):
            summary = summarise(folder)
            if not wanted or summary.state in wanted:
                found.append(summary)
    return found


def newest() -> RunFolder:
    """Return the last run that was made.

    Raises:
        RunError: when there is none.

    """
    for folder in RunFolder.all():
        return folder
    raise RunError("run", "there is none yet", "towline run SCRIPT")


def block_files(folder: RunFolder, block: str) -> list[Path]:
    """Return the files of a block, or of all blocks of an executor, sorted by path.

    Args:
        folder: the run's.
        block: a part of the file's path below ``blocks/``: cluster, executor or job name.

    """
    files = [path for path in folder.blocks.rglob("*") if path.is_file()]
    return sorted(p for p in files if block in str(p.relative_to(folder.blocks)))


def _from_ending(folder: RunFolder, facts: dict[str, Any]) -> RunSummary:
    asked, counts = folder.asked, facts.get("tasks") or {}
    return RunSummary(
        number=folder.number,
        tag=asked.tag,
        state=RunState(facts["state"]),
        created=asked.created,
        seconds=facts.get("seconds"),
        script=asked.script,
        argv=asked.argv,
        done=int(counts.get("done", 0)),
        failed=int(counts.get("failed", 0)),
        total=int(counts.get("total", 0)),
        clusters=list(facts.get("clusters") or []),
        exit_code=facts.get("exit_code"),
        reason=str(facts.get("reason", "")),
        leftovers=len(facts.get("leftovers") or []),
        workflow=(asked.workflow or {}).get("name"),
    )
