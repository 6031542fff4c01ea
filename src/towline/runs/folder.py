"""The folder of a run: its number, its tag, and where each of its files lies."""

from __future__ import annotations

import getpass
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from towline import folders
from towline.errors import RunError, RunNotFound
from towline.runs.events import EventLog
from towline.runs.ledger import FileLedger
from towline.runs.process import ProcessIdentity

DOOMED = ".deleting-"
"""Begins the name of what is left of a run that is being deleted; its number follows."""

VARIABLE = "TOWLINE_RUN"  # the script finds its run folder in this variable


@dataclass(frozen=True)
class Asked:
    """What was asked for, as ``run.json`` keeps it; written once.

    ``created`` is in unix seconds; paths are absolute; ``clusters`` maps executor labels to
    cluster names; ``creator`` is the process that made the folder. What follows them is only
    there where a run is more than a script: ``command`` is run in place of python and script (its
    ``python`` is that interpreter); ``environment`` is a file whose ``WORKSPACE`` block the
    supervisor realises first; ``on`` says that it is a batch job; ``workflow`` is name, version
    and digest; ``inputs`` has ``{"secret": true}`` for each secret; ``outputs`` are patterns below
    ``work/``; ``again_of`` is the number of the run that it repeats. ``uses`` are the clusters that
    its definitions name, as far as the launch could read them.
    """

    number: int
    tag: str
    created: float
    script: str
    argv: list[str]
    python: str
    cwd: str
    user: str
    host: str
    creator: dict[str, Any]
    executors: str | None = None
    clusters: dict[str, str] = field(default_factory=dict)
    command: list[str] | None = None
    environment: str | None = None
    on: dict[str, Any] | None = None
    owner: str | None = None
    title: str | None = None
    workflow: dict[str, Any] | None = None
    inputs: dict[str, Any] | None = None
    outputs: list[str] = field(default_factory=list)
    again_of: int | None = None
    uses: list[str] = field(default_factory=list)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Asked:
        """Return what ``run.json`` says; facts that a newer Towline has added are passed over."""
        known = cls.__dataclass_fields__
        return cls(**{key: value for key, value in record.items() if key in known})

    @property
    def promised(self) -> frozenset[str]:
        """The clusters that the run is to use; its events may come to name more."""
        return frozenset({*self.uses, *self.clusters.values()})


class RunFolder:
    """One run's folder, ``<state>/runs/<number>``, readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = int(path.name)
        self.events = EventLog(path / "events.jsonl")
        self.ledger = FileLedger(path / "ledger.jsonl")
        self.run_json = path / "run.json"
        self.supervisor_json = path / "supervisor.json"
        self.completed_executors = path / "executors.completed.json"
        self.stdout_log = path / "stdout.log"
        self.stderr_log = path / "stderr.log"
        self.supervisor_log = path / "supervisor.log"
        self.keeper_lock = path / "keeper.lock"
        self.blocks = path / "blocks"
        self.parsl = path / "parsl"
        self.tasks = path / "tasks"
        self.work = path / "work"
        self.inputs_json = path / "inputs.json"

    @classmethod
    def create(
        cls,
        script: Path | str,
        argv: Sequence[str] = (),
        *,
        python: str = sys.executable,
        cwd: Path | None = None,
        executors: Path | None = None,
        clusters: Mapping[str, str] | None = None,
        in_work: bool = False,
        **more: Any,
    ) -> RunFolder:
        """Make the folder of a new run and write what was asked into it.

        Args:
            script: what runs; with its arguments ``argv`` and its interpreter ``python``.
            argv: what the script gets.
            python: interpreter for the script.
            cwd: working folder; default: this process's.
            executors: executor definitions, in place of those that the script names.
            clusters: executor label -> cluster name, in place of the definitions'.
            in_work: the run works in ``work/`` of its folder, and its paths start there.
            more: other facts of `Asked`.

        The number is one more than the highest so far; ``mkdir`` decides among several who ask
        at once.

        Raises:
            RunError: when the folder cannot be made or written (disk full, no permission).

        """
        folder: RunFolder | None = None
        try:
            folder = cls._claim_number()
            start = folder.work if in_work else Path.cwd()
            asked = Asked(
                number=folder.number,
                tag=f"r{folder.number}-{os.urandom(4).hex()}",
                created=round(time.time(), 3),
                script=str(start / script),
                argv=list(argv),
                python=python,
                cwd=str(cwd or start),
                user=getpass.getuser(),
                host=platform.node(),
                creator=ProcessIdentity.own().as_dict(),
                executors=str(start / executors) if executors else None,
                clusters=dict(clusters or {}),
                **more,
            )
            folder.blocks.mkdir(mode=0o700)
            write_whole(folder.run_json, json.dumps(asdict(asked), indent=1) + "\n")
        except OSError as error:
            if folder is not None:
                shutil.rmtree(folder.path, ignore_errors=True)
            raise RunError(
                f"run folder {error.filename or runs_folder()}",
                f"it cannot be made: {error.strerror}",
                "make room there, or point TOWLINE_HOME at a folder on another disk",
            ) from error
        folder.events.append("created", number=asked.number, tag=asked.tag, script=asked.script)
        return folder

    @classmethod
    def open(cls, which: int | str | os.PathLike[str]) -> RunFolder:
        """Return a run by its number, its tag or its folder.

        Raises:
            RunNotFound: when there is no such run.

        """
        text = os.fspath(which) if not isinstance(which, int) else str(which)
        number = text.removeprefix("r").partition("-")[0]
        path = Path(text) if os.sep in text else runs_folder() / number
        if not path.name.isdigit() or not (path / "run.json").is_file():
            raise RunNotFound(f"run {text}", "there is no such run", "towline run list")
        return cls(path)

    @classmethod
    def all(cls) -> list[RunFolder]:
        """Return the runs of this user on this workspace, the newest first."""
        numbers = sorted(_numbers(), reverse=True)
        runs = (cls(runs_folder() / str(number)) for number in numbers)
        return [run for run in runs if run.run_json.is_file()]

    @cached_property
    def asked(self) -> Asked:
        """What was asked for.

        Raises:
            RunError: when ``run.json`` cannot be read.

        """
        try:
            return Asked.from_dict(json.loads(self.run_json.read_text()))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise RunError(
                f"run {self.number}", f"{self.run_json} cannot be read: {error}"
            ) from error

    @property
    def tag(self) -> str:
        """The mark of all that belongs to this run: its number and 8 random hex digits."""
        return self.asked.tag

    def keeper(self) -> ProcessIdentity | None:
        """Return the process that looks after the run; None when none has said so yet."""
        try:
            return ProcessIdentity.from_dict(json.loads(self.supervisor_json.read_text()))
        except (FileNotFoundError, ValueError, KeyError):
            return None

    def keep(self) -> None:
        """Write down that this process looks after the run."""
        write_whole(self.supervisor_json, json.dumps(ProcessIdentity.own().as_dict()) + "\n")

    @classmethod
    def remember_number(cls, number: int) -> None:
        """Keep a number from being given again once its folder is deleted."""
        if number > _remembered():
            write_whole(runs_folder() / "highest-number", f"{number}\n")

    @classmethod
    def _claim_number(cls) -> RunFolder:
        runs_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        number = max([*_numbers(), *_numbers(DOOMED), _remembered()])
        while True:
            number += 1
            path = runs_folder() / str(number)
            try:
                path.mkdir(mode=0o700)
            except FileExistsError:
                continue
            return cls(path)


def runs_folder() -> Path:
    """Return the folder of all run folders."""
    return folders.state_folder() / "runs"


def write_whole(path: Path, text: str) -> None:
    """Write a small file so that a reader sees all of it or nothing; private to the user."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _numbers(before: str = "") -> list[int]:
    try:
        names = [entry.name for entry in os.scandir(runs_folder())]
        ends = [name.removeprefix(before) for name in names if name.startswith(before)]
        return [int(end) for end in ends if end.isdigit()]
    except FileNotFoundError:
        return []


def _remembered() -> int:
    try:
        return int((runs_folder() / "highest-number").read_text())
    except (OSError, ValueError):
        return 0
