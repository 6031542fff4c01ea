"""The packages that go along: their files, what they add up to, and the record of them.

They travel in two parts. The shared one holds what installers put into ``site-packages``: big,
seldom changed, good for many environments. The own one holds editable packages, commands and data
files, so that an edit sends little.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from towline.environments.compatibility import glibc_by_tags, is_compiled
from towline.environments.hashes import HashMemory
from towline.environments.installed import Installed
from towline.environments.interpreter import Workspace
from towline.environments.members import Member, included, members

SCHEMA = "2"
"""Changes when the same packages are laid out, or tried out, in another way."""


@dataclass(frozen=True)
class Package:
    """A distribution with its files."""

    installed: Installed
    shared: tuple[Member, ...]
    """Files that an installer put into ``site-packages``."""
    own: tuple[Member, ...]
    """All others."""

    @cached_property
    def shared_digest(self) -> str:
        """The hash of its shared files."""
        return _digest_of(self.shared)

    @cached_property
    def pin(self) -> dict[str, str]:
        """Name, version, hash of all its files, and the source when that was not an index."""
        pin = {
            "name": self.installed.name,
            "version": self.installed.version,
            "sha256": digest([self.shared_digest, _digest_of(self.own)]),
        }
        if self.installed.editable_folder is not None:
            pin["editable"] = str(self.installed.editable_folder)
        elif self.installed.source_url:
            pin["source"] = self.installed.source_url
        return pin

    @property
    def compiled(self) -> list[Path]:
        """Its compiled modules and libraries on the workspace."""
        files = (*self.shared, *self.own)
        return [file.source for file in files if file.source and is_compiled(file.name)]


@dataclass(frozen=True)
class Content:
    """The files of an environment."""

    packages: tuple[Package, ...]
    included: tuple[Member, ...]
    """Modules and packages of the user's own that are not installed."""
    workspace: Workspace

    @cached_property
    def digest(self) -> str:
        """The name of all the content; nothing of the cluster is in it."""
        pins = (f"{pin['name']}=={pin['version']} {pin['sha256']}" for pin in self._pins)
        return digest([*self._ground, *pins, _digest_of(self.included)])

    @cached_property
    def shared_digest(self) -> str:
        """The name of the shared part."""
        return digest([*self._ground, *(package.shared_digest for package in self.packages)])

    @property
    def shared(self) -> list[Member]:
        """The files of the shared part."""
        return [file for package in self.packages for file in package.shared]

    @property
    def own(self) -> list[Member]:
        """The files of the own part."""
        return [*self.included, *(file for package in self.packages for file in package.own)]

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
            "included": sorted({file.name.split("/")[3] for file in self.included}),
            "built": {
                "at": int(time.time()),
                "by": _user(),
                "on": platform.node(),
                "python": self.workspace.version,
                "glibc": self.workspace.glibc,
            },
        }

    def unvouched(self, shared_folder: str) -> list[str]:
        """Return the compiled modules that were built here: no tag says what libraries they need.

        Paths of the shared ones are below `shared_folder`, others relative to the environment.
        """
        unknown = [p for p in self.packages if glibc_by_tags(p.installed.wheel_tags) is None]
        shared = (f"{shared_folder}/{file.name}" for p in unknown for file in p.shared)
        own = (file.name for package in unknown for file in package.own)
        return [name for name in (*shared, *own) if is_compiled(name)]

    @cached_property
    def _pins(self) -> list[dict[str, str]]:
        return [package.pin for package in self.packages]

    @property
    def _platform(self) -> str:
        return f"{self.workspace.system}-{self.workspace.arch}"

    @property
    def _ground(self) -> tuple[str, str, str]:
        return SCHEMA, self.workspace.minor, self._platform


def content_of(
    packages: Iterable[Installed],
    workspace: Workspace,
    memory: HashMemory,
    include: Iterable[str] = (),
) -> Content:
    """Return the files of these distributions, and of modules and folders beside them.

    Raises:
        EnvironmentBuildFailed: an editable install hides where its code is.
        DefinitionError: what is to be included is not there.

    """
    return Content(
        packages=tuple(_package(each, workspace.minor, memory) for each in packages),
        included=tuple(included(include, workspace.minor, memory)),
        workspace=workspace,
    )


def digest(lines: Iterable[str]) -> str:
    """Return the SHA-256 of a set of lines, in hex; their order does not matter."""
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _package(installed: Installed, minor: str, memory: HashMemory) -> Package:
    files = members(installed, minor, memory)
    site = "" if installed.editable_folder is not None else f"lib/python{minor}/site-packages/"
    shared = tuple(file for file in files if site and file.name.startswith(site))
    own = tuple(file for file in files if not (site and file.name.startswith(site)))
    return Package(installed, shared, own)


def _digest_of(files: Iterable[Member]) -> str:
    return digest(f"{file.name} {file.digest}" for file in files if file.digest)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
