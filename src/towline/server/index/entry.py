"""One run as the index knows it, with the JSON that the API answers."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass, field
from typing import Any

from towline.runs import Asked, RunState
from towline.runs.view import RunView

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def iso(moment: float | None) -> str | None:
    """Return unix seconds as ISO 8601 in UTC, to the millisecond; None for None."""
    if moment is None:
        return None
    try:
        text = datetime.datetime.fromtimestamp(moment, datetime.timezone.utc)
    except (OverflowError, OSError, ValueError):
        return None  # a record that was tampered with
    return text.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class IndexedRun:
    """What lists and filters need of a run; times in unix seconds.

    ``final``: nothing more will happen to it. ``inode`` is that of the run's folder: another one
    under the same number (a restored backup) is read again. Treated as immutable: a run that has
    moved on gets a new one.
    """

    number: int
    tag: str
    state: RunState
    final: bool
    owner: str
    title: str
    workflow: str | None
    version: int | None
    script: str
    arguments: tuple[str, ...]
    created: float
    ended: float | None = None
    seconds: float | None = None
    clusters: tuple[str, ...] = ()
    done: int = 0
    failed: int = 0
    total: int = 0
    exit_code: int | None = None
    reason: str = ""
    leftovers: int | None = None
    again_of: int | None = None
    inode: int = 0
    _json: bytes = field(default=b"", init=False, compare=False, repr=False)

    def record(self) -> dict[str, Any]:
        """Return the run as the API shows it."""
        return {
            "number": self.number,
            "tag": self.tag,
            "state": self.state.value,
            "final": self.final,
            "owner": self.owner,
            "title": self.title,
            "workflow": None
            if self.workflow is None
            else {"name": self.workflow, "version": self.version},
            "script": self.script,
            "arguments": list(self.arguments),
            "created": iso(self.created),
            "ended": iso(self.ended),
            "seconds": self.seconds,
            "clusters": list(self.clusters),
            "tasks": {"done": self.done, "failed": self.failed, "total": self.total},
            "exit_code": self.exit_code,
            "reason": self.reason,
            "leftovers": self.leftovers,
            "again_of": self.again_of,
        }

    def as_json(self) -> bytes:
        """Return the record as JSON; made once, not once a request."""
        if not self._json:
            self._json = _encode(self.record()).encode("utf-8", "replace")
        return self._json

    def summary(self) -> dict[str, Any]:
        """Return what the database keeps, besides the columns that it has anyway."""
        return {
            "title": self.title,
            "script": self.script,
            "arguments": list(self.arguments),
            "created": self.created,
            "ended": self.ended,
            "seconds": self.seconds,
            "clusters": list(self.clusters),
            "tasks": [self.done, self.failed, self.total],
            "exit_code": self.exit_code,
            "reason": self.reason,
            "leftovers": self.leftovers,
            "again_of": self.again_of,
            "inode": self.inode,
        }


def workflow_of(asked: Asked) -> tuple[str | None, int | None]:
    """Return name and version of the workflow that a run is of; None for a plain script."""
    stated = getattr(asked, "workflow", None)
    if not isinstance(stated, dict) or not stated.get("name"):
        return None, None
    version = stated.get("version")
    return str(stated["name"]), version if isinstance(version, int) else None


def from_view(asked: Asked, view: RunView, *, final: bool, inode: int) -> IndexedRun:
    """Return a run as its record and its events tell it."""
    workflow, version = workflow_of(asked)
    again_of = getattr(asked, "again_of", None)
    return IndexedRun(
        number=asked.number,
        tag=asked.tag,
        state=view.state,
        final=final,
        owner=str(getattr(asked, "owner", None) or asked.user),
        title=str(getattr(asked, "title", None) or ""),
        workflow=workflow,
        version=version,
        script=asked.script,
        arguments=tuple(map(str, asked.argv)),
        created=asked.created,
        ended=view.ended if final else None,
        seconds=view.seconds,
        clusters=tuple(sorted(view.clusters)),
        done=view.done,
        failed=view.failed,
        total=view.total,
        exit_code=view.exit_code,
        reason=view.reason,
        leftovers=None if view.leftovers is None else len(view.leftovers),
        again_of=again_of if isinstance(again_of, int) else None,
        inode=inode,
    )
