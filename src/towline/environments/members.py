"""The files of one distribution, and where each goes in an environment."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import NamedTuple

from towline.environments.editable import importable_parts
from towline.environments.hashes import HashMemory
from towline.environments.installed import Installed
from towline.environments.scripts import command, relocated
from towline.errors import DefinitionError

NOT_CONTENT = frozenset({"RECORD", "INSTALLER", "REQUESTED"})
"""Notes of the installer: sent, but no part of what makes a package what it is."""

NOT_SENT = frozenset({"direct_url.json", "uv_cache.json"})
"""Holds a path of the workspace, or a URL with a password."""

_CHANGED_LATER_SECONDS = 2.0


class Member(NamedTuple):
    """A file of an environment."""

    name: str
    """Path relative to the environment's folder."""
    source: Path | None
    """Where its bytes are on the workspace; None: in `content`."""
    content: bytes | None
    digest: str
    """SHA-256 of its bytes in whatever notation, always the same one; empty: not content."""
    executable: bool


def members(package: Installed, minor: str, memory: HashMemory) -> list[Member]:
    """Return a distribution's files, byte-code left out.

    Args:
        package: the distribution.
        minor: Python version of the environment, as in ``"3.11"``.
        memory: hashes of files that no installer has hashed.

    Raises:
        EnvironmentBuildFailed: it is editable and nothing importable is found in its source.

    """
    site = f"lib/python{minor}/site-packages"
    commands = _commands(package)
    if package.editable_folder is not None:
        found = _editable(package, site, memory)
    elif (recorded := _recorded(package)) is not None:
        found = recorded_members(package, recorded, site, set(commands), memory)
    else:
        found = _unrecorded(package, site, memory)
    return [*found, *(_made(f"bin/{name}", command(point)) for name, point in commands.items())]


def included(paths: Iterable[str], minor: str, memory: HashMemory) -> Iterator[Member]:
    """Yield the files of modules and packages that are not installed.

    Raises:
        DefinitionError: a path leads to nothing.

    """
    site = f"lib/python{minor}/site-packages"
    for path in paths:
        source = Path(path).expanduser().resolve()
        if source.is_dir():
            yield from tree(source, f"{site}/{source.name}", memory)
        elif source.is_file():
            yield from _file(f"{site}/{source.name}", source, memory)
        else:
            raise DefinitionError("include", f"{path} is not there (looked in {Path.cwd()})")


def recorded_members(
    package: Installed,
    recorded: list[tuple[str, str, int | None]],
    site: str,
    generated: set[str],
    memory: HashMemory,
) -> Iterator[Member]:
    """Yield the files in a RECORD; those changed since the install are hashed again."""
    base = package.site
    # RECORD is written last: what is younger was changed by somebody else.
    settled = _record_time(package) + _CHANGED_LATER_SECONDS
    outer = _outer_folder(base)
    for path, digest, size in recorded:
        folder, _, name = path.rpartition("/")
        if name.endswith(".pyc") or name in NOT_SENT:
            continue
        if path.startswith(("..", "/")):
            inside = _inside(outer, posixpath.normpath(posixpath.join(str(base), path)))
            if inside is None or (inside.startswith("bin/") and name in generated):
                continue
            yield from _file(inside, outer / inside, memory)
            continue
        source = base / path
        try:
            about = source.stat()
        except OSError:
            continue  # somebody removed it; the workspace lives without it
        if name in NOT_CONTENT and folder.endswith(".dist-info"):
            digest = ""
        elif not digest or about.st_mtime > settled or (size is not None and size != about.st_size):
            digest = memory.sha256(source, about)
        yield Member(f"{site}/{path}", source, None, digest, bool(about.st_mode & stat.S_IXUSR))


def tree(folder: Path, name: str, memory: HashMemory) -> Iterator[Member]:
    """Yield all files below a folder, byte-code and version control left out, sorted."""
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            item for item in folders if item != "__pycache__" and not item.startswith(".")
        )
        inside = Path(place).relative_to(folder).as_posix()
        below = name if inside == "." else f"{name}/{inside}"
        for file in sorted(files):
            if not file.endswith((".pyc", ".pyo")) and not file.startswith("."):
                yield from _file(f"{below}/{file}", Path(place, file), memory)


def _editable(package: Installed, site: str, memory: HashMemory) -> Iterator[Member]:
    for part, source in importable_parts(package).items():
        if source.is_dir():
            yield from tree(source, f"{site}/{part}", memory)
        else:
            yield from _file(f"{site}/{part}", source, memory)
    yield from _metadata(package, site, memory)


def _unrecorded(package: Installed, site: str, memory: HashMemory) -> Iterator[Member]:
    for part, source in importable_parts(package).items():
        if source.is_dir():
            yield from tree(source, f"{site}/{part}", memory)
        else:
            yield from _file(f"{site}/{part}", source, memory)
    yield from _metadata(package, site, memory)


def _metadata(package: Installed, site: str, memory: HashMemory) -> Iterator[Member]:
    folder = package.metadata_folder
    if folder is None:
        return
    # An egg-info beside its sources would be found under any name; a dist-info needs the version.
    for member in tree(folder, f"{site}/{folder.name}", memory):
        name = posixpath.basename(member.name)
        if name in NOT_SENT or name == "RECORD":
            continue
        yield member._replace(digest="") if name in NOT_CONTENT else member


def _file(name: str, source: Path, memory: HashMemory) -> Iterator[Member]:
    try:
        about = source.stat()
    except OSError:
        return
    if not stat.S_ISREG(about.st_mode):
        return
    executable = bool(about.st_mode & stat.S_IXUSR)
    if name.startswith("bin/"):
        content = source.read_bytes()
        moved = relocated(content)
        if moved is not content:
            yield _made(name, moved)
            return
    yield Member(name, source, None, memory.sha256(source, about), executable)


def _made(name: str, content: bytes) -> Member:
    return Member(name, None, content, hashlib.sha256(content).hexdigest(), True)


def _commands(package: Installed) -> dict[str, EntryPoint]:
    groups = ("console_scripts", "gui_scripts")
    return {p.name: p for p in package.distribution.entry_points if p.group in groups}


def _recorded(package: Installed) -> list[tuple[str, str, int | None]] | None:
    folder = package.metadata_folder
    if folder is None or folder.suffix != ".dist-info":
        return None
    files = package.distribution.files
    if not files:
        return None
    return [
        (str(file), f"{file.hash.mode}={file.hash.value}" if file.hash else "", file.size)
        for file in files
    ]


def _record_time(package: Installed) -> float:
    assert package.metadata_folder is not None  # noqa: S101 - it has a RECORD
    return (package.metadata_folder / "RECORD").stat().st_mtime


def _outer_folder(site: Path) -> Path:
    """Return the prefix that a ``lib/pythonX.Y/site-packages`` belongs to."""
    return site.parents[2] if len(site.parents) > 2 else site


def _inside(folder: Path, path: str) -> str | None:
    start = f"{folder}/"
    return path[len(start) :] if path.startswith(start) else None
