"""The files of the packages that go along, what they add up to, and the record of them."""

from __future__ import annotations

import getpass
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from towline.environments.compatibility import glibc_by_tags, is_compiled
from towline.environments.hashes import HashMemory
from towline.environments.installed import Installed
from towline.environments.interpreter import Workspace
from towline.environments.members import Member, members

SCHEMA = "1"
"""Changes when the same packages are laid out, or tried out, in another way."""

PROBE = "preflight_probe.py"


@dataclass(frozen=True)
class Package:
    """A distribution with its files."""

    installed: Installed
    files: tuple[Member, ...]

    @cached_property
    def pin(self) -> dict[str, str]:
        """Name, version, hash of all its files, and the source when that was not an index."""
        pin = {
            "name": self.installed.name,
            "version": self.installed.version,
            "sha256": digest(f"{file.name} {file.digest}" for file in self.files if file.digest),
        }
        if self.installed.editable_folder is not None:
            pin["editable"] = str(self.installed.editable_folder)
        elif self.installed.source_url:
            pin["source"] = self.installed.source_url
        return pin

    @property
    def compiled(self) -> list[Path]:
        """Its compiled modules and libraries on the workspace."""
        return [file.source for file in self.files if file.source and is_compiled(file.name)]


@dataclass(frozen=True)
class Content:
    """The files of an environment."""

    packages: tuple[Package, ...]
    workspace: Workspace

    @cached_property
    def digest(self) -> str:
        """The name of the content: packages, Python minor and platform, nothing of the cluster."""
        pins = (f"{pin['name']}=={pin['version']} {pin['sha256']}" for pin in self._pins)
        return digest([SCHEMA, self.workspace.minor, self._platform, *pins])

    @cached_property
    def lock(self) -> dict[str, Any]:
        """The record of what exactly the environment is made of, when, and by whom."""
        return {
            "schema": SCHEMA,
            "kind": "sync",
            "content": self.digest,
            "python": self.workspace.minor,
            "platform": self._platform,
            "packages": self._pins,
            "built": {
                "at": int(time.time()),
                "by": _user(),
                "on": platform.node(),
                "python": self.workspace.version,
                "glibc": self.workspace.glibc,
            },
        }

    @property
    def unvouched(self) -> list[str]:
        """Compiled modules that were built here: no tag says what libraries they need."""
        return [
            file.name
            for package in self.packages
            if glibc_by_tags(package.installed.wheel_tags) is None
            for file in package.files
            if is_compiled(file.name)
        ]

    def fill(self, folder: Path) -> None:
        """Write all files into an empty folder, with the lock and the program that tries it out."""
        folders: set[str] = set()
        for package in self.packages:
            for member in package.files:
                target = folder / member.name
                parent = str(target.parent)
                if parent not in folders:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    folders.add(parent)
                _write(member, target)
        (folder / "lib").mkdir(exist_ok=True)
        shutil.copyfile(Path(__file__).with_name(PROBE), folder / PROBE)
        (folder / "lock.json").write_text(json.dumps(self.lock, indent=1), encoding="utf-8")

    @cached_property
    def _pins(self) -> list[dict[str, str]]:
        return [package.pin for package in self.packages]

    @property
    def _platform(self) -> str:
        return f"{self.workspace.system}-{self.workspace.arch}"


def content_of(packages: Iterable[Installed], workspace: Workspace, memory: HashMemory) -> Content:
    """Return the files of these distributions.

    Raises:
        EnvironmentBuildFailed: an editable install hides where its code is.

    """
    minor = workspace.minor
    return Content(tuple(Package(p, tuple(members(p, minor, memory))) for p in packages), workspace)


def digest(lines: Iterable[str]) -> str:
    """Return the SHA-256 of a set of lines, in hex; their order does not matter."""
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _write(member: Member, target: Path) -> None:
    if target.exists():
        return  # two packages claim the file; as in site-packages there can be only one
    if member.source is None:
        target.write_bytes(member.content or b"")
        target.chmod(0o755)
        return
    _link_or_copy(member.source, target)
    if target.suffix == ".py":
        ready = Path(importlib.util.cache_from_source(str(member.source)))
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


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
