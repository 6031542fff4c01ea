"""Write files of an environment into a folder of the workspace, to be packed."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from towline.environments.members import Member


def write(files: Iterable[Member], folder: Path) -> None:
    """Write files into a folder, with the byte-code that is at hand for them.

    Where two packages claim one file, the first has it: in ``site-packages`` there is but one.
    """
    folders: set[str] = set()
    for file in files:
        target = folder / file.name
        parent = str(target.parent)
        if parent not in folders:
            target.parent.mkdir(parents=True, exist_ok=True)
            folders.add(parent)
        if not target.exists():
            _write(file, target)


def _write(file: Member, target: Path) -> None:
    if file.source is None:
        target.write_bytes(file.content or b"")
        target.chmod(0o755)
        return
    _link_or_copy(file.source, target)
    if target.suffix == ".py":
        ready = Path(importlib.util.cache_from_source(str(file.source)))
        if ready.exists():
            compiled = Path(importlib.util.cache_from_source(str(target)))
            compiled.parent.mkdir(exist_ok=True)
            _link_or_copy(ready, compiled)


def _link_or_copy(source: Path, target: Path) -> None:
    """Make a second name for a file, which costs nothing; a copy where that cannot be."""
    with suppress(OSError):
        if not source.is_symlink():
            os.link(source, target)
            return
    shutil.copy2(source, target)
