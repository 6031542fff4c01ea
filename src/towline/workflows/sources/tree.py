"""A folder of files: how much it may hold, what of it is kept, and its digest."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from towline.errors import DefinitionError

LEFT_OUT = frozenset(
    {".git", ".hg", ".svn", "__pycache__", ".ipynb_checkpoints", ".DS_Store", "__MACOSX", "runinfo"}
)
"""Names of files and folders that are no part of a workflow."""

_EXECUTABLE = stat.S_IXUSR


@dataclass(frozen=True)
class Limits:
    """How much a workflow may hold: files and folders, and bytes."""

    entries: int = 10_000
    size: int = 1 << 30

    def check(self, thing: str, entries: int, size: int) -> None:
        """Raise DefinitionError when there is more."""
        if entries > self.entries:
            raise DefinitionError(
                thing, f"has more than {self.entries} files", "keep data outside of the workflow"
            )
        if size > self.size:
            raise DefinitionError(
                thing,
                f"has more than {self.size / (1 << 20):.0f} MiB",
                "keep data outside of the workflow",
            )


def entries_of(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield files, links and folders below a folder, sorted by path, without what is left out."""
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name in LEFT_OUT or entry.name.endswith(".pyc"):
            continue
        yield entry
        if entry.is_dir(follow_symlinks=False):
            yield from entries_of(Path(entry.path))


def copy_tree(source: Path, target: Path, thing: str, limits: Limits | None = None) -> None:
    """Copy a folder's files, links and sub-folders into an existing folder.

    Raises:
        DefinitionError: something in it is neither, leads out of it, or is too much.
        OSError: it cannot be read or written.

    """
    limits = limits or Limits()
    count = size = 0
    for count, entry in enumerate(entries_of(source), 1):
        new = target / os.path.relpath(entry.path, source)
        if entry.is_symlink():
            new.symlink_to(Path(entry.path).readlink())
        elif entry.is_dir():
            new.mkdir()
        elif entry.is_file():
            size += entry.stat().st_size
            limits.check(thing, count, size)
            shutil.copyfile(entry.path, new)
            new.chmod(0o755 if entry.stat().st_mode & _EXECUTABLE else 0o644)
        else:
            raise DefinitionError(f"{thing}: {entry.path}", "is neither file nor folder nor link")
        limits.check(thing, count, size)
    refuse_links_out(target, thing)


def refuse_links_out(folder: Path, thing: str) -> None:
    """Make sure that no link below a folder leads out of it, by whatever way.

    Raises:
        DefinitionError: one does.

    """
    root = folder.resolve()
    for entry in entries_of(folder):
        if entry.is_symlink():
            leads_to = Path(entry.path).readlink()
            real = Path(os.path.realpath(entry.path))
            if leads_to.is_absolute() or not real.is_relative_to(root):
                where = os.path.relpath(entry.path, folder)
                raise DefinitionError(
                    f"{thing}: {where}",
                    f"is a link out of the workflow's folder: {leads_to}",
                    "put the file itself there",
                )


def digest_of(folder: Path) -> str:
    """Return the SHA-256 of all paths, contents, links and executable bits below a folder.

    Raises:
        DefinitionError: something in it is neither, or it is too much for a workflow.
        OSError: it cannot be read.

    """
    limits, size = Limits(), 0
    total = hashlib.sha256()
    for count, entry in enumerate(entries_of(folder), 1):
        path = os.fsencode(os.path.relpath(entry.path, folder))
        if entry.is_symlink():
            kind, content = b"l", os.fsencode(Path(entry.path).readlink())
        elif entry.is_dir():
            kind, content = b"d", b""
        elif entry.is_file():
            size += entry.stat().st_size
            limits.check(folder.name, count, size)
            kind = b"x" if entry.stat().st_mode & _EXECUTABLE else b"f"
            content = _sha256(entry.path)
        else:  # a named pipe would be read for ever
            raise DefinitionError(entry.path, "is neither file nor folder nor link")
        limits.check(folder.name, count, size)
        for part in (kind, path, content):
            total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()


def _sha256(path: str) -> bytes:
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.digest()
