"""The workflows that are installed on this workspace, every version of each.

``<state>/workflows/<name>/<version>/``: ``files/`` and ``installed.json``. A version is made
beside and renamed into place, so that it is there whole or not at all; it is never changed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from towline import folders
from towline.clusters import suggestion
from towline.errors import DefinitionError, WorkflowExists, WorkflowNotFound
from towline.workflows._spelling import NAME, NAME_RULE
from towline.workflows.checking import check_folder
from towline.workflows.definition import load_definition
from towline.workflows.installed import Installed
from towline.workflows.presets import forget_presets
from towline.workflows.sources.read import same_again
from towline.workflows.sources.source import Progress, Source, Wanted
from towline.workflows.sources.tree import digest_of

_RECORD = "installed.json"
_FILES = "files"
_STAGING = ".new-"


def _silent(doing: str) -> None:
    """Say nothing."""


class Catalog:
    """Installed workflows; safe among threads and processes."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or folders.state_folder() / "workflows"
        self._read: dict[tuple[str, int], tuple[tuple[int, int], Installed]] = {}

    def names(self) -> list[str]:
        """Return the names of all workflows, sorted."""
        with contextlib.suppress(FileNotFoundError):
            return sorted(e.name for e in os.scandir(self.folder) if NAME.fullmatch(e.name))
        return []

    def versions(self, name: str) -> list[int]:
        """Return the numbers of a workflow's versions, the newest last; empty without any."""
        if not NAME.fullmatch(name):
            return []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            entries = (e.name for e in os.scandir(self.folder / name))
            return sorted(int(each) for each in entries if re.fullmatch(r"[1-9][0-9]*", each))
        return []

    def list(self) -> list[Installed]:
        """Return the newest version of each workflow by name; those that cannot be read are not."""
        found = []
        for name in self.names():
            with contextlib.suppress(DefinitionError):  # one must not hide the others
                found.append(self.load(name))
        return found

    def load(self, name: str, version: int | None = None) -> Installed:
        """Return a version of a workflow, the newest when none is named.

        Raises:
            WorkflowNotFound: there is no such workflow, or version of it.
            DefinitionError: it cannot be read.

        """
        versions = self.versions(name)
        if not versions:
            raise self._unknown(name)
        if version is not None and version not in versions:
            known = ", ".join(map(str, versions))
            raise WorkflowNotFound(
                f"workflow {name}", f"has no version {version} (there are: {known})"
            )
        return self._version(name, version or versions[-1])

    def _version(self, name: str, number: int) -> Installed:
        """Return a version, read once: it never changes while its record is the same file."""
        path = self.folder / name / str(number)
        try:
            about = (path / _RECORD).stat()
        except OSError:
            return _read(path, name)  # says what is wrong
        mark = (about.st_ino, about.st_mtime_ns)
        known = self._read.get((name, number))
        if known is None or known[0] != mark:
            known = self._read[name, number] = (mark, _read(path, name))
        return known[1]

    def add(
        self, source: Wanted, name: str | None = None, progress: Progress = _silent
    ) -> Installed:
        """Install a workflow as version 1.

        Args:
            source: where it is taken from.
            name: what it is called here; default: what the source suggests.
            progress: takes lines for whoever waits.

        Raises:
            WorkflowExists: the name is taken.
            DefinitionError: the workflow cannot be had, or is wrong.

        """
        wanted = name if name is not None else spelt(source.suggested_name())
        if not NAME.fullmatch(wanted):
            raise DefinitionError(f"workflow {wanted}", NAME_RULE)
        if self.versions(wanted):
            raise self._exists(wanted)
        with self._staged(source, progress) as staged, self._locked():
            if self.versions(wanted):
                raise self._exists(wanted)
            return self._publish(staged, wanted, 1)

    def update(
        self, name: str, source: Wanted | None = None, progress: Progress = _silent
    ) -> Installed:
        """Return the newest version, made now when the workflow has changed.

        Args:
            name: which.
            source: where the new version is taken from; default: where the newest was.
            progress: takes lines for whoever waits.

        Raises:
            WorkflowNotFound: there is no such workflow.
            DefinitionError: it cannot be had, or is wrong now; the versions stay as they are.

        """
        newest = self.load_record(name)
        with self._staged(source or same_again(newest), progress) as staged, self._locked():
            numbers = self.versions(name)
            if not numbers:
                raise self._unknown(name)
            latest = _record(self.folder / name / str(numbers[-1]))
            if latest.get("digest") == json.loads((staged / _RECORD).read_text())["digest"]:
                return self.load(name)
            return self._publish(staged, name, numbers[-1] + 1)

    def load_record(self, name: str) -> Source:
        """Return where the newest version was taken from. Raises WorkflowNotFound."""
        numbers = self.versions(name)
        if not numbers:
            raise self._unknown(name)
        return Source.from_dict(_record(self.folder / name / str(numbers[-1]))["source"])

    def remove(self, name: str) -> None:
        """Delete a workflow with all its versions; its runs keep their own copies.

        Raises:
            WorkflowNotFound: there is no such workflow.

        """
        if not self.versions(name):
            raise self._unknown(name)
        gone = self.folder / f"{_STAGING}{os.urandom(8).hex()}"
        with self._locked():
            try:
                (self.folder / name).rename(gone)
            except FileNotFoundError:
                raise self._unknown(name) from None
        shutil.rmtree(gone, ignore_errors=True)
        forget_presets(name)

    @contextlib.contextmanager
    def _staged(self, source: Wanted, progress: Progress) -> Iterator[Path]:
        """Make a version in a folder of its own, which is gone afterwards unless published."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sweep()
        staged = self.folder / f"{_STAGING}{os.urandom(8).hex()}"
        staged.mkdir(mode=0o700)
        descriptor = os.open(staged, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # says that somebody is at work here
            files = staged / _FILES
            files.mkdir()
            origin = source.fetch(files, progress)
            progress("checking workflow.yaml")
            check_folder(files)
            record = {
                "digest": digest_of(files),
                "installed_at": round(time.time(), 3),
                "source": origin.as_dict(),
            }
            (staged / _RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
            _flush(staged)
            yield staged
        except OSError as error:
            raise DefinitionError(
                str(error.filename or self.folder), f"cannot be written: {error.strerror}"
            ) from error
        finally:
            os.close(descriptor)
            shutil.rmtree(staged, ignore_errors=True)

    def _publish(self, staged: Path, name: str, version: int) -> Installed:
        home = self.folder / name
        home.mkdir(mode=0o700, exist_ok=True)
        staged.rename(home / str(version))
        _sync_folder(home)
        return self.load(name, version)

    def _sweep(self) -> None:
        """Remove what killed processes have left: nobody holds its lock any more."""
        for path in self.folder.glob(f"{_STAGING}*"):
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                if time.time() - path.lstat().st_mtime > _YOUNG_SECONDS:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path, ignore_errors=True)
            except OSError as error:
                if error.errno not in (errno.EWOULDBLOCK, errno.ENOENT):
                    continue  # a file system without locks: better a leftover than a loss
            finally:
                os.close(descriptor)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with contextlib.suppress(OSError):  # no locks here: `rename` still decides
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _unknown(self, name: str) -> WorkflowNotFound:
        known = self.names()
        hint = suggestion(name[:100], known)
        cause = f"is not installed{hint}" if known else "no workflow is installed yet"
        step = "towline workflow list" if known else "towline workflow add PATH-OR-URL"
        return WorkflowNotFound(f"workflow {name[:100]}", cause, step)

    def _exists(self, name: str) -> WorkflowExists:
        return WorkflowExists(
            f"workflow {name}",
            "is installed already",
            f"towline workflow update {name}, or add it with --name OTHER",
        )


_YOUNG_SECONDS = 60.0  # between mkdir and the lock, a folder looks abandoned


def spelt(name: str) -> str:
    """Return a name as the catalog spells it: what does not fit becomes ``-``."""
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:64]


def from_folder(folder: Path, name: str | None = None) -> Installed:
    """Return a folder as a workflow without installing it: version 0.

    Raises:
        DefinitionError: it has no ``workflow.yaml``, that is wrong, or it cannot be read or run.

    """
    folder = folder.expanduser().absolute()
    check_folder(folder)
    try:
        digest = digest_of(folder)
    except OSError as error:
        raise DefinitionError(
            str(error.filename or folder), f"cannot be read: {error.strerror}"
        ) from error
    return Installed(
        name or spelt(folder.name) or "workflow",
        0,
        folder,
        Source("path", str(folder)),
        load_definition(folder),
        digest,
        time.time(),
    )


def _read(version: Path, name: str) -> Installed:
    record = _record(version)
    files = version / _FILES
    return Installed(
        name,
        int(version.name),
        files,
        Source.from_dict(record["source"]),
        load_definition(files),
        str(record["digest"]),
        float(record["installed_at"]),
    )


def _record(version: Path) -> dict[str, Any]:
    try:
        record = json.loads((version / _RECORD).read_text(encoding="utf-8"))
        return {**record, "source": dict(record["source"])}
    except FileNotFoundError as error:
        raise WorkflowNotFound(
            f"workflow {version.parent.name}", f"version {version.name} is not there any more"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DefinitionError(str(version / _RECORD), f"cannot be read: {error}") from error


def _flush(folder: Path) -> None:
    """Bring everything below a folder to the disk before it gets its name."""
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where) / name
            if not path.is_symlink():
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        _sync_folder(Path(where))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
