"""The results of a run: what its workflow's ``outputs`` name, below its working folder only."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from towline.runs.folder import RunFolder

MOST = 10_000
"""Artefacts that are listed."""

_HIDDEN = frozenset({".executors.json", ".workspace.json"})


@dataclass(frozen=True)
class Artifact:
    """A result: its path below ``work/``, bytes, and when it was last written (unix seconds)."""

    path: str
    size: int
    modified: float


def artifacts(folder: RunFolder) -> list[Artifact]:
    """Return the results that are there now, sorted by path, at most `MOST`.

    Regular files only: a link is none, wherever it leads, and no folder is entered by one.
    """
    patterns = folder.asked.outputs
    if not patterns:
        return []
    from towline.engine.batch_job.patterns import chosen

    found = dict(_files(folder.work, ""))
    names = sorted(chosen(list(found), patterns))[:MOST]
    return [Artifact(name, found[name].st_size, found[name].st_mtime) for name in names]


def is_artifact(folder: RunFolder, path: str) -> bool:
    """Return whether a path below ``work/`` is that of a result."""
    return any(each.path == path for each in artifacts(folder))


def _files(folder: Path, before: str) -> Iterator[tuple[str, os.stat_result]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    for entry in entries:
        path = f"{before}{entry.name}"
        try:
            about = entry.stat(follow_symlinks=False)
        except OSError:  # gone since
            continue
        if stat.S_ISDIR(about.st_mode):
            yield from _files(Path(entry.path), f"{path}/")
        elif stat.S_ISREG(about.st_mode) and path not in _HIDDEN:
            yield path, about
