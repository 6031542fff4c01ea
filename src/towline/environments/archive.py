"""Build a layer's archive once in the workspace; every run and every cluster then uses it."""

from __future__ import annotations

import fcntl
import io
import json
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from towline import folders
from towline.environments.byte_code import with_byte_code
from towline.environments.cluster_side import Report
from towline.environments.members import Member
from towline.environments.plan import Layer
from towline.environments.scratch import sweep_scratch

KEPT_SECONDS = 30 * 24 * 3600
"""Time since its last use after which an archive is deleted; it can be made again."""


@dataclass(frozen=True)
class Archive:
    """A gzipped tar file on the workspace, and what it takes on the cluster."""

    path: Path
    packed_bytes: int
    unpacked_bytes: int
    files: int


def archives_folder() -> Path:
    """Return the workspace's folder of built archives; created when absent."""
    folder = folders.cache_folder() / "environments"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def archive_of(layer: Layer, report: Report) -> Archive:
    """Return the layer's archive, building it when nobody has yet.

    Two that build at once: the second waits, then finds it built.

    Raises:
        EnvironmentBuildFailed: the content cannot be made.

    """
    folder = archives_folder()
    path = folder / f"{layer.archive}.tar.gz"
    if (built := _read(path)) is not None:
        return built
    with exclusive(folder / f"{layer.archive}.lock"):
        if (built := _read(path)) is not None:
            return built
        report("environment", state="building", key=layer.name)
        started = time.monotonic()
        built = _build(layer, path)
        report(
            "environment",
            state="built",
            key=layer.name,
            seconds=round(time.monotonic() - started, 3),
            bytes=built.packed_bytes,
        )
        return built


def _build(layer: Layer, path: Path) -> Archive:
    _sweep(path.parent)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=path.parent) as scratch:
        made, compiled, packed = (Path(scratch, name) for name in ("made", "compiled", "packed"))
        made.mkdir()
        compiled.mkdir()
        files = layer.fill(made)
        unpacked, count = _pack(with_byte_code(files, compiled), made, packed)
        archive = Archive(path, packed.stat().st_size, unpacked, count)
        about = asdict(archive) | {"path": path.name}
        packed.replace(path)
        beside = Path(scratch, "about")
        beside.write_text(json.dumps(about), encoding="utf-8")
        beside.replace(path.with_suffix(".json"))  # last: it says that the archive is whole
    return archive


def _pack(files: Iterable[Member], made: Path, packed: Path) -> tuple[int, int]:
    """Write an archive; return the bytes and the number of files that it unpacks to.

    Where two packages claim one file, the first has it: in ``site-packages`` there is but one.
    """
    sizes: list[int] = []

    def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mtime = int(member.mtime)  # as byte-code remembers its source
        member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
        sizes.append(member.size)
        return member

    with tarfile.open(packed, "w:gz", compresslevel=1, format=tarfile.PAX_FORMAT) as tar:
        seen: set[str] = set()
        for file in files:
            if file.name not in seen:
                seen.add(file.name)
                _add(tar, file, anonymous)
        for item in sorted(made.iterdir()):
            tar.add(item, item.name, filter=anonymous)
    return sum(sizes), len(sizes)


def _add(
    tar: tarfile.TarFile, file: Member, anonymous: Callable[[tarfile.TarInfo], tarfile.TarInfo]
) -> None:
    if file.source is None:
        content = file.content or b""
        about = tarfile.TarInfo(file.name)
        about.size, about.mode = len(content), 0o755
        tar.addfile(anonymous(about), io.BytesIO(content))
        return
    with file.source.open("rb") as opened:
        about = tar.gettarinfo(arcname=file.name, fileobj=opened)
        about.type, about.linkname = tarfile.REGTYPE, ""  # a second name of a file is a file
        about.size = os.fstat(opened.fileno()).st_size
        tar.addfile(anonymous(about), opened)


def _read(path: Path) -> Archive | None:
    try:
        about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        archive = Archive(**(about | {"path": path}))
        whole = path.stat().st_size == archive.packed_bytes
    except (OSError, ValueError, TypeError):
        return None
    with suppress(OSError):
        os.utime(path)
    return archive if whole else None


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock file: who builds the same thing at the same time waits here."""
    with path.open("w") as file:
        with suppress(OSError):  # some file systems cannot lock; it only saves work twice done
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _sweep(folder: Path) -> None:
    """Remove what killed builders left behind, and archives that nobody has used for long."""
    now = time.time()
    sweep_scratch(folder)
    for archive in folder.glob("*.tar.gz"):
        with suppress(OSError):
            if now - archive.stat().st_mtime > KEPT_SECONDS:
                archive.unlink()
