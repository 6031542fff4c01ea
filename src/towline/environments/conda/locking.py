"""The lock of a conda environment: solved once, kept, and taken from then on."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from towline.environments.archive import archives_folder
from towline.environments.cluster_side import Report
from towline.environments.conda.channels import without_channel_secrets
from towline.environments.conda.environment_file import EnvironmentFile
from towline.environments.conda.linking import link
from towline.environments.conda.needs import Wanted, without_injected_parsl
from towline.environments.conda.pip_install import Pin, lock_pip
from towline.environments.conda.platforms import Virtual
from towline.environments.conda.solver import Record, Unsolvable, record_line, solve
from towline.environments.locks import Lock, LockStore, request_id
from towline.environments.scratch import sweep_scratch
from towline.errors import DefinitionError

SCHEMA = "1"
"""Changes when the same request would be locked in another way."""

_SOLVING = threading.Lock()
"""Clusters that are alike ask the same; the second then finds it answered."""


@dataclass(frozen=True)
class Target:
    """What the environment is locked for."""

    subdir: str
    virtual: tuple[Virtual, ...]
    wheels_for: str
    """uv's name of the platform; empty where pip cannot be used."""
    parsl: str
    """Version that the script runs with."""


@dataclass(frozen=True)
class Locked:
    """Exact packages, as the channels and indexes had them when it was locked."""

    lock: Lock
    records: tuple[Record, ...]
    pins: tuple[Pin, ...]


def locked(
    file: EnvironmentFile,
    asked: Wanted,
    target: Target,
    local: Sequence[str],
    update: str,
    report: Report,
) -> Locked:
    """Return the packages of a request: those of its lock, else solved now and locked.

    Args:
        file: the environment.yml.
        asked: what it comes to with the script's Python and Parsl.
        target: what the cluster is.
        local: what the user's own packages contain.
        update: ``missing``, ``relock`` or ``never``.
        report: takes ``environment`` events, state solving, and notes on what was decided.

    Raises:
        DefinitionError: there is no lock, and none may be made.
        EnvironmentBuildFailed: it cannot be solved, or its pip section not be installed.

    """
    name = request_id("conda", _asked(file, asked, target, local))
    store = LockStore()
    with _SOLVING:
        if update != "relock" and (known := store.load(name)) and (found := _read(known)):
            return found
        if update == "never":
            raise DefinitionError(
                str(file.path),
                "has no lock for this cluster, and env_update: never makes none",
                "towline env lock, or set env_update: missing",
            )
        report("environment", state="solving", file=str(file.path))
        new = _lock(name, file, asked, target, report)
        store.save(new.lock)
        return new


def _lock(
    name: str, file: EnvironmentFile, asked: Wanted, target: Target, report: Report
) -> Locked:
    thing = str(file.path)
    try:
        records = solve(asked.packages, file.channels, target.subdir, target.virtual, thing)
    except Unsolvable:
        if not (asked.injected and target.wheels_for):
            raise
        asked = without_injected_parsl(asked, target.parsl)
        records = solve(asked.packages, file.channels, target.subdir, target.virtual, thing)
    for note in asked.notes:
        report("note", text=note)
    pins: list[Pin] = []
    if asked.pip.lines:
        sweep_scratch(archives_folder())
        with tempfile.TemporaryDirectory(prefix=".lock-", dir=archives_folder()) as scratch:
            linked = Path(scratch, "linked")
            link(records, file.channels, target.subdir, linked, "/towline", report, name)
            report("environment", state="solving", file=f"{file.path}, pip section")
            pins = lock_pip(asked.pip, linked, target.wheels_for, thing)
    text = json.dumps({"records": records, "pins": [pin.as_dict() for pin in pins]})
    lock = Lock(
        kind="conda",
        request_id=name,
        lines=tuple(sorted([*map(record_line, records), *(pin.line for pin in pins)])),
        made=datetime.now(timezone.utc).replace(microsecond=0),
        sources=file.sources,
        text=text,
    )
    return Locked(lock, tuple(records), tuple(pins))


def _asked(file: EnvironmentFile, asked: Wanted, target: Target, local: Sequence[str]) -> list[str]:
    """Return all that the answer depends on; no secrets, and nothing that only reads like it."""
    return [
        SCHEMA,
        target.subdir,
        target.wheels_for if asked.pip.lines or asked.injected else "",
        *map("=".join, target.virtual),
        *(f"channel {channel.shown}" for channel in file.channels),
        *(f"package {text}" for text in sorted(asked.packages)),
        *(f"pip {without_channel_secrets(line.text)}" for line in asked.pip.lines),
        *(f"option {without_channel_secrets(text)}" for text in asked.pip.options),
        *(f"constraint {text}" for text in asked.pip.constraints),
        *(f"local {text}" for text in local),
    ]


def _read(lock: Lock) -> Locked | None:
    try:
        values = json.loads(lock.text)
        pins = [Pin(**(pin | {"hashes": tuple(pin["hashes"])})) for pin in values["pins"]]
        return Locked(lock, tuple(values["records"]), tuple(pins))
    except (ValueError, KeyError, TypeError):
        return None
