"""A conda channel of the tests: this Python made movable, Parsl as it is installed, small ones.

The packages are real ones, in the format that channels have; python and Parsl are this workspace's.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import platform
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import zstandard
from packaging.utils import canonicalize_name

from towline.environments import standalone
from towline.environments.closure import select
from towline.environments.hashes import HashMemory
from towline.environments.installed import Installed, installed_here
from towline.environments.members import members

MINOR = ".".join(platform.python_version_tuple()[:2])
SUBDIR = {"x86_64": "linux-64", "aarch64": "linux-aarch64"}.get(platform.machine(), "linux-64")
PLACEHOLDER = "/opt/placeholder_" + "p" * 200
"""Stands in the files of packages for the folder that they will lie in."""

_MADE = 1_700_000_000


@dataclass
class CondaChannel:
    """A channel in a folder."""

    folder: Path
    names: list[str] = field(default_factory=list)

    def add(
        self,
        name: str,
        version: str = "1.0",
        *,
        needs: tuple[str, ...] = (),
        files: dict[str, str | bytes] | None = None,
        noarch: bool = True,
    ) -> None:
        """Add a package; files in ``bin`` can be started, ``PLACEHOLDER`` in them is patched."""
        content = {
            path: text.encode() if isinstance(text, str) else text
            for path, text in (files or {}).items()
        }
        members = [
            _Member(path, data, 0o755 if path.startswith("bin/") else 0o644)
            for path, data in content.items()
        ]
        self._write(name, version, needs, members, noarch)

    def add_folder(self, name: str, version: str, needs: tuple[str, ...], folder: Path) -> None:
        """Add a package with the files of a folder."""
        found = []
        for place, _, files in os.walk(folder):
            for file in files:
                path = Path(place, file)
                inside = str(path.relative_to(folder))
                if path.is_symlink():
                    found.append(_Member(inside, b"", 0o777, str(path.readlink())))
                else:
                    found.append(_Member(inside, path.read_bytes(), path.stat().st_mode & 0o755))
        self._write(name, version, needs, found, noarch=False)

    def index(self) -> CondaChannel:
        """Write the index of all packages, which solvers read."""
        from rattler.index import index_fs

        (self.folder / "noarch").mkdir(exist_ok=True)
        asyncio.run(index_fs(self.folder))
        return self

    def _write(
        self,
        name: str,
        version: str,
        needs: tuple[str, ...],
        found: list[_Member],
        noarch: bool,
    ) -> None:
        subdir = "noarch" if noarch else SUBDIR
        index = {
            "name": name, "version": version, "build": "test_0", "build_number": 0,
            "depends": list(needs), "subdir": subdir, "timestamp": _MADE * 1000,
        } | ({"noarch": "generic"} if noarch else {})  # fmt: skip
        paths = {"paths": [member.about for member in found], "paths_version": 1}
        info = [
            _Member("info/index.json", json.dumps(index).encode(), 0o644),
            _Member("info/paths.json", json.dumps(paths).encode(), 0o644),
        ]
        stem = f"{name}-{version}-test_0"
        path = self.folder / subdir / f"{stem}.conda"
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("metadata.json", json.dumps({"conda_pkg_format_version": 2}))
            archive.writestr(f"pkg-{stem}.tar.zst", _packed(found))
            archive.writestr(f"info-{stem}.tar.zst", _packed(info))
        self.names.append(stem)


@dataclass(frozen=True)
class _Member:
    path: str
    data: bytes
    mode: int
    link: str = ""

    @property
    def about(self) -> dict[str, object]:
        about: dict[str, object] = {
            "_path": self.path,
            "path_type": "softlink" if self.link else "hardlink",
            "sha256": hashlib.sha256(self.data).hexdigest(),
            "size_in_bytes": len(self.data),
        }
        if PLACEHOLDER.encode() in self.data:
            about |= {"file_mode": "text", "prefix_placeholder": PLACEHOLDER}
        return about


def _packed(found: list[_Member]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member in found:
            about = tarfile.TarInfo(member.path)
            about.mode, about.mtime = member.mode, _MADE
            if member.link:
                about.type, about.linkname = tarfile.SYMTYPE, member.link
            else:
                about.size = len(member.data)
            tar.addfile(about, io.BytesIO(member.data) if not member.link else None)
    return zstandard.ZstdCompressor(level=1).compress(buffer.getvalue())


def make_channel(folder: Path, scratch: Path) -> CondaChannel:
    """Return a channel with this Python, Parsl and what it needs, and some small packages."""
    channel = CondaChannel(folder)
    parts = {"python": (platform.python_version(), ("__glibc >=2.17",))}
    _lay_out_python(scratch / "python")
    memory = HashMemory(scratch / "hashes.json")
    for package in select(installed_here(), ("parsl",)):
        name = canonicalize_name(package.name)
        parts[name] = (package.version, _needs(package))
        _lay_out(package, scratch / name, memory)
    _compile(scratch)
    for name, (version, needs) in parts.items():
        channel.add_folder(name, version, needs, scratch / name)
    for version in ("1.0", "2.0"):
        module = {f"lib/python{MINOR}/site-packages/greeting.py": f"version = {version!r}\n"}
        channel.add("greeting", version, files=module, needs=(f"python {MINOR}.*",))
    channel.add(
        "app",
        needs=("greeting <2",),
        files={
            "bin/where": f"#!{PLACEHOLDER}/bin/python\nprint('{PLACEHOLDER}')\n",
            "etc/app.conf": f"home = {PLACEHOLDER}\n",
        },
    )
    channel.add("scripts", files={"etc/conda/activate.d/scripts.sh": "export ACTIVATED=yes\n"})
    channel.add("linker", files={"bin/.linker-post-link.sh": "touch /tmp/linked-by-a-script\n"})
    channel.add("of-a-newer-system", needs=("__glibc >=99",))
    channel.add("for-gpus", needs=("__cuda >=12",))
    return channel.index()


def _needs(package: Installed) -> tuple[str, ...]:
    found = [f"python {MINOR}.*"]
    for requirement in package.requirements:
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.append(f"{canonicalize_name(requirement.name)} {requirement.specifier}".strip())
    return tuple(found)


def _lay_out(package: Installed, folder: Path, memory: HashMemory) -> None:
    for member in members(package, MINOR, memory):
        target = folder / member.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(member.source.read_bytes() if member.source else member.content or b"")
        target.chmod(0o755 if member.executable else 0o644)


def _lay_out_python(folder: Path) -> None:
    folder.mkdir(parents=True)
    for member in standalone.lay_out(folder):
        assert member.source
        target = folder / member.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(member.source.read_bytes())


def _compile(folder: Path) -> None:
    """Write byte-code, as packages that were built for one Python bring it."""
    for path in folder.rglob("*.py"):
        os.utime(path, (_MADE, _MADE))
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "-q", "-j", "0", "-x", "/tests?/", str(folder)],
        check=False,
    )
