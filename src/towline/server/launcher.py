"""A workflow becomes a run over the API: checked, allowed, made once, started, found again."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from towline.errors import RunError
from towline.runs import RunFolder
from towline.runs.deleting import discard
from towline.runs.folder import write_whole
from towline.runs.launching import prepare, start
from towline.runs.liveness import final_event
from towline.server.idempotency import Answer, Idempotency, Undecided
from towline.server.index import IndexedRun, RunIndex
from towline.server.problems import problem
from towline.workflows import Installed
from towline.workflows.fields import Fields, GroupField, SecretField
from towline.workflows.files import FindFile

MARK = "launch.json"
"""In the run folder: by which request it was made. Shown to nobody."""

_CREATED = 201
_UNDECIDED_SECONDS = 10.0


@dataclass(frozen=True)
class Launch:
    """What is to be launched, by whom; everything that can be looked up has been."""

    installed: Installed
    inputs: Mapping[str, Any]
    owner: str
    find_file: FindFile
    clusters: Mapping[str, str]
    preset: str | None = None
    title: str | None = None
    again_of: int | None = None

    def digest(self) -> str:
        """Return what tells this request from another one; secrets are not in it."""
        asked = {
            "workflow": self.installed.name,
            "inputs": without_secrets(self.installed.definition.inputs, self.inputs),
            "clusters": dict(self.clusters),
            "preset": self.preset,
            "title": self.title,
            "again_of": self.again_of,
        }
        text = json.dumps(asked, sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


class Launcher:
    """Start runs, a few at a time; each lives by itself from then on."""

    def __init__(self, index: RunIndex, once: Idempotency) -> None:
        self._index = index
        self._once = once
        self._limit = anyio.CapacityLimiter(2 * (os.cpu_count() or 1))

    async def launch(self, launch: Launch, key: str | None) -> Answer:
        """Start a run, or return the one that this key has started before.

        Args:
            launch: what.
            key: the request's ``Idempotency-Key``; None: it has none.

        Raises:
            TowlineError: the inputs, a cluster or an executor are wrong; nothing was made.
            ProblemError: 503 when its supervisor does not start; 422 when the key was used for
                another request.

        """
        if key is None:
            return await self._start(launch, None)
        find = partial(self._find, launch.owner, key)
        do: Callable[[], Awaitable[Answer]] = partial(self._start, launch, key)
        answer = await self._once.once(launch.owner, key, launch.digest(), do, find)
        run = self._index.get(int(answer.body["number"])) if answer.repeated else None
        if run is not None and run.tag == answer.body["tag"]:
            return Answer(answer.status, run.record(), repeated=True)
        return answer

    async def _start(self, launch: Launch, key: str | None) -> Answer:
        folder = await anyio.to_thread.run_sync(_make_and_start, launch, key, limiter=self._limit)
        return self._answer(await self._index.notice(folder.number), folder)

    async def _find(self, owner: str, key: str, since: datetime) -> Answer | None:
        """Return the run that a request of this key has started, whose answer was lost.

        Raises:
            ProblemError: 409 when it cannot be said yet whether a run that was made has begun.

        """
        deadline = time.monotonic() + _UNDECIDED_SECONDS
        while True:
            await self._index.refresh()
            runs = list(self._index.created_since(since.timestamp() - 1.0))
            numbers = [run.number for run in runs if run.owner == owner]
            made = await anyio.to_thread.run_sync(_made_by, self._index.folder, numbers, owner, key)
            run = next((self._index.get(n) for n, has_begun in made if has_begun), None)
            if run is not None:
                return Answer(_CREATED, run.record())
            undecided = [number for number, has_begun in made if has_begun is None]
            if not undecided:
                return None
            if time.monotonic() > deadline:
                raise problem(
                    409,
                    "launch-undecided",
                    thing=f"run {undecided[0]}",
                    cause="an earlier request with this key has made it, and it has not begun yet",
                    next_step="try again in a moment",
                )
            await asyncio.sleep(0.2)

    def _answer(self, run: IndexedRun | None, folder: RunFolder) -> Answer:
        if run is None:  # its folder was deleted this moment
            raise problem(
                409,
                "run-gone",
                thing=f"run {folder.number}",
                cause="it was started, and its folder is gone",
            )
        return Answer(_CREATED, run.record())


def without_secrets(fields: Fields, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs with nothing in place of secrets: not even their digest is to be kept."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        field = fields.get(name)
        if isinstance(field, GroupField) and isinstance(value, Mapping):
            found[name] = without_secrets(field.inputs, value)
        elif not isinstance(field, SecretField):
            found[name] = value
    return found


def _make_and_start(launch: Launch, key: str | None) -> RunFolder:
    prepared = prepare(
        launch.installed,
        launch.inputs,
        clusters=dict(launch.clusters),
        owner=launch.owner,
        preset=launch.preset,
        title=launch.title,
        again_of=launch.again_of,
        find_file=launch.find_file,
    )
    if key is not None:
        # Before it is started: what runs can be found again, what is not marked does not run.
        _mark(prepared.folder, launch.owner, key)
    try:
        return start(prepared)
    except RunError as error:
        late = final_event(prepared.folder) is None  # its supervisor may come yet
        raise (Undecided if late else problem)(
            503,
            "run-not-started",
            thing=error.thing,
            cause=error.cause,
            next_step=f"see GET /api/v1/runs/{prepared.folder.number}, and try again",
        ) from error


def _mark(folder: RunFolder, owner: str, key: str) -> None:
    try:
        write_whole(folder.path / MARK, json.dumps({"owner": owner, "key": key}) + "\n")
    except OSError as error:
        with contextlib.suppress(OSError, RunError):
            discard(folder)
        raise RunError(
            f"run folder {folder.path}",
            f"it cannot be filled: {error.strerror}",
            "make room there, or point TOWLINE_HOME at a folder on another disk",
        ) from error


def _made_by(
    below: Path, numbers: list[int], owner: str, key: str
) -> list[tuple[int, bool | None]]:
    """Return the runs that requests of a key have made, and whether they have begun.

    None: not yet, and its supervisor may still come; when nobody does, it ends as lost.
    """
    found: list[tuple[int, bool | None]] = []
    for number in numbers:
        folder = RunFolder(below / str(number))
        try:
            mark = json.loads((folder.path / MARK).read_text())
        except (OSError, ValueError):
            continue
        if mark != {"owner": owner, "key": key}:
            continue
        names = {event.name for event in folder.events.read()}
        begun = bool(names & {"starting", "running"})
        found.append((number, True if begun else False if "ended" in names else None))
    return found
