"""pylock.toml (PEP 751): read with one wheel chosen for each package, and written."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import tomllib
from packaging.markers import Marker
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from towline.environments.locks import without_secrets
from towline.environments.uv.target import Target
from towline.errors import EnvironmentBuildFailed

_WITH_QUERY = re.compile(r"(https?://[^\s?#'\"<>]+)\?([^\s#'\"<>]+)")


@dataclass(frozen=True)
class Wheel:
    """A package's wheel, by its hash."""

    name: str
    version: str
    url: str
    """Without user, password and query; ``file:`` where it lies on the workspace."""
    sha256: str
    size: int = 0
    query: str = field(default="", repr=False, compare=False)
    """What follows the address's ``?``: a signature, as a rule, and so a secret; in no lock."""

    @property
    def line(self) -> str:
        """Return the package's line of a lock."""
        return f"{self.name}=={self.version} sha256:{self.sha256}"


@dataclass(frozen=True)
class Folder:
    """A package of the user's own, built from its folder at each change."""

    name: str
    path: Path

    @property
    def line(self) -> str:
        """Return the package's line of a lock."""
        return f"{self.name} @ {self.path.as_uri()}"


Package = Wheel | Folder


def read_pylock(text: str, target: Target, base: Path, spec: str) -> list[Package]:
    """Return the packages for a target, sorted by name.

    Args:
        text: of a ``pylock.toml``.
        target: where they will be used; decides on markers and among wheels.
        base: folder that paths in it start from.
        spec: what messages call the file that it was made from.

    Raises:
        EnvironmentBuildFailed: a package has no wheel that runs there; names the package.

    """
    rank = {tag: number for number, tag in enumerate(target.tags())}
    where = target.marker_environment()
    found: dict[str, Package] = {}
    for entry in tomllib.loads(text).get("packages", []):
        marker = entry.get("marker")
        if marker is not None and not Marker(marker).evaluate(where, context="lock_file"):
            continue
        name = canonicalize_name(entry["name"])
        if "directory" in entry:
            found[name] = Folder(name, (base / entry["directory"]["path"]).resolve())
        else:
            found[name] = _best(name, entry, rank, target, base, spec)
    return [found[name] for name in sorted(found)]


def with_queries(packages: Iterable[Package], texts: Iterable[str]) -> list[Package]:
    """Return the packages with the queries that their addresses have in the texts of a spec."""
    known = {without_secrets(m[1]): m[2] for text in texts for m in _WITH_QUERY.finditer(text)}
    return [
        replace(package, query=known.get(package.url, package.query))
        if isinstance(package, Wheel)
        else package
        for package in packages
    ]


def without_queries(text: str) -> str:
    """Return a text without the queries of addresses: those change, what they lead to does not."""
    return _WITH_QUERY.sub(r"\1", text)


def render_pylock(packages: Iterable[Package], *, queries: bool = False) -> str:
    """Return a ``pylock.toml`` with these packages, one wheel each; any installer can read it.

    Args:
        packages: what is in it.
        queries: with those of the addresses, for an install now; never to be kept.

    """
    lines = ['lock-version = "1.0"', 'created-by = "towline"']
    for package in packages:
        lines += ["", "[[packages]]", f"name = {json.dumps(package.name)}"]
        if isinstance(package, Folder):
            lines.append(f"directory = {{ path = {json.dumps(str(package.path))} }}")
            continue
        place = "path" if package.url.startswith("file:") else "url"
        value = unquote(urlsplit(package.url).path) if place == "path" else package.url
        value += f"?{package.query}" if queries and package.query else ""
        size = f", size = {package.size}" if package.size else ""
        hashes = f'hashes = {{ sha256 = "{package.sha256}" }}'
        lines.append(f"version = {json.dumps(package.version)}")
        lines.append(f"wheels = [{{ {place} = {json.dumps(value)}{size}, {hashes} }}]")
    return "\n".join(lines) + "\n"


def _best(
    name: str, entry: dict[str, Any], rank: dict[Any, int], target: Target, base: Path, spec: str
) -> Wheel:
    archives = [entry["archive"]] if "archive" in entry else []
    best: tuple[int, Wheel] | None = None
    for each in [*entry.get("wheels", []), *archives]:
        url = _place(each, base)
        try:
            _, stated, _, tags = parse_wheel_filename(
                unquote(urlsplit(url).path).rpartition("/")[2]
            )
        except InvalidWheelFilename:
            continue
        place = min((rank[tag] for tag in tags if tag in rank), default=None)
        if place is not None and (best is None or place < best[0]):
            sha256 = each.get("hashes", {}).get("sha256") or _hash_of(url, name)
            version = str(entry.get("version", stated))
            query = urlsplit(str(each.get("url", ""))).query
            best = place, Wheel(name, version, url, sha256, int(each.get("size", 0)), query)
    if best is None:
        of = f" {entry['version']}" if "version" in entry else ""
        comes = "it comes from version control" if "vcs" in entry else "there is only source"
        cause = "its wheels are for others" if entry.get("wheels") else comes
        raise EnvironmentBuildFailed(
            spec,
            f"{name}{of} has no wheel for {target.words}: {cause}. Nothing was submitted.",
            f"pin a version of {name} that has one, or give a wheel by path or URL (uv build "
            "--wheel makes one)",
        )
    return best[1]


def _place(wheel: dict[str, Any], base: Path) -> str:
    if "path" in wheel:
        return (base / str(wheel["path"])).resolve().as_uri()
    parts = urlsplit(without_secrets(str(wheel["url"])))
    return parts._replace(query="", fragment="").geturl()


def _hash_of(url: str, name: str) -> str:
    if not url.startswith("file:"):
        raise EnvironmentBuildFailed(
            f"package {name}",
            f"the index gives no SHA-256 of {url}",
            "use an index that does, or download the wheel and name its path",
        )
    return hashlib.sha256(Path(unquote(urlsplit(url).path)).read_bytes()).hexdigest()
