"""The distributions that the running interpreter has installed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import Distribution, distributions
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

SHARED_FOLDERS = ("site-packages", "dist-packages")
"""Names of the folders that packages of all kinds are installed in."""


@dataclass(frozen=True)
class Installed:
    """One installed distribution."""

    name: str
    """Normalised, as in ``typing-extensions``."""
    version: str
    distribution: Distribution
    stated_needs: tuple[str, ...] | None = None
    """Requirement lines, where they were at hand when the name was read."""

    @cached_property
    def site(self) -> Path:
        """The folder on ``sys.path`` that it is installed in."""
        return Path(str(self.distribution.locate_file("")))

    @cached_property
    def metadata_folder(self) -> Path | None:
        """Its ``.dist-info`` or ``.egg-info`` folder."""
        path = getattr(self.distribution, "_path", None)
        return Path(str(path)) if path is not None and Path(str(path)).is_dir() else None

    @cached_property
    def requirements(self) -> tuple[Requirement, ...]:
        """What it says it needs; lines that nobody can read are passed over, as pip did."""
        lines = self.stated_needs
        return tuple(_requirements(self.distribution.requires or () if lines is None else lines))

    @cached_property
    def requested(self) -> bool:
        """Whether a person asked for it, rather than another package."""
        return self.distribution.read_text("REQUESTED") is not None

    @cached_property
    def wheel_tags(self) -> tuple[str, ...]:
        """The tags of the wheel it came from; empty when it was not a wheel."""
        lines = (self.distribution.read_text("WHEEL") or "").splitlines()
        return tuple(line[5:].strip() for line in lines if line.startswith("Tag:"))

    @cached_property
    def source_url(self) -> str:
        """Where it came from when not from an index: a URL without its password, else empty."""
        url = str(self._direct_url.get("url", ""))
        version = self._direct_url.get("vcs_info")
        where = _without_password(url)
        if isinstance(version, dict):
            return f"{version.get('vcs')}+{where}@{version.get('commit_id')}"
        return where

    @cached_property
    def editable_folder(self) -> Path | None:
        """The source folder of an editable install; None when it is not one."""
        about = self._direct_url.get("dir_info")
        if isinstance(about, dict) and about.get("editable"):
            return Path(unquote(urlsplit(str(self._direct_url["url"])).path))
        develop = self.metadata_folder
        if develop is not None and _is_in_source(develop):
            return develop.parent
        return None

    @cached_property
    def belongs_to_system(self) -> bool:
        """Whether the operating system's package manager put it there."""
        return self.site.name == "dist-packages" and self.site.is_relative_to("/usr/lib")

    @cached_property
    def _direct_url(self) -> dict[str, object]:
        try:
            read = json.loads(self.distribution.read_text("direct_url.json") or "{}")
        except ValueError:
            return {}
        return read if isinstance(read, dict) else {}


def installed_here(path: Iterable[str] | None = None) -> dict[str, Installed]:
    """Return what the running interpreter would import, by normalised name.

    The first one on ``sys.path`` wins, as in an import; but an installed one wins over a source
    folder's stray ``.egg-info``, which an editable install leaves beside it.

    Args:
        path: folders to look in, in order; default: ``sys.path``.

    """
    found: dict[str, Installed] = {}
    for distribution in distributions(path=list(sys.path if path is None else path)):
        metadata = distribution.metadata
        if metadata is None or not metadata["Name"]:
            continue  # a half-removed folder without metadata
        name = canonicalize_name(metadata["Name"])
        needs = metadata.get_all("Requires-Dist")  # absent in an egg-info, which has a file for it
        new = Installed(
            name, metadata["Version"] or "0", distribution, tuple(needs) if needs else None
        )
        if name not in found or (_is_stray(found[name]) and not _is_stray(new)):
            found[name] = new
    return found


def _is_stray(installed: Installed) -> bool:
    folder = installed.metadata_folder
    return folder is not None and _is_in_source(folder)


def _is_in_source(metadata: Path) -> bool:
    return metadata.suffix == ".egg-info" and metadata.parent.name not in SHARED_FOLDERS


def _requirements(lines: Iterable[str]) -> Iterable[Requirement]:
    for line in lines:
        try:
            yield Requirement(line)
        except InvalidRequirement:
            continue


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
