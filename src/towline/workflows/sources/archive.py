"""A workflow from a tar or zip archive, which may have been made to do harm.

Only files, folders and links inside come out of it; their sizes are counted while they are
written, whatever the archive says. Links are made last, so that no file is written through one.
"""

from __future__ import annotations

import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from towline.errors import DefinitionError
from towline.workflows.sources.source import Progress, Source
from towline.workflows.sources.tree import LEFT_OUT, Limits, refuse_links_out

ENDINGS = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar", ".zip")

_BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError,
           NotImplementedError, RuntimeError, ValueError)  # fmt: skip
"""What Python's readers raise on archives that are broken, encrypted or of an unknown kind."""


@dataclass(frozen=True)
class _Member:
    """One entry: a folder, a link to ``link``, or a file that ``open`` reads."""

    name: str
    is_folder: bool = False
    link: str | None = None
    executable: bool = False
    file: IO[bytes] | None = None


_HEADER_BYTES = 1 << 16
_HEADERS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME,
            tarfile.GNUTYPE_LONGLINK)  # fmt: skip


class _TarInfo(tarfile.TarInfo):
    """One entry of a tar archive; names and attributes of unlikely length are refused.

    tarfile reads such a header into memory whole, and compressed it takes next to nothing.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _TarInfo:
        info = super().frombuf(buf, encoding, errors)
        if info.type in _HEADERS and info.size > _HEADER_BYTES:
            raise tarfile.ReadError(f"a header has more than {_HEADER_BYTES >> 10} KiB")
        return info


@dataclass(frozen=True)
class FromArchive:
    """A tar (plain, gzip, bzip2, xz) or zip archive; ``name`` is its file name to people."""

    path: Path
    name: str = ""
    limits: Limits = field(default_factory=Limits)

    def suggested_name(self) -> str:
        """Return the archive's name without its ending."""
        name = self.name or self.path.name
        for ending in ENDINGS:
            if name.lower().endswith(ending):
                return name[: -len(ending)]
        return name

    def fetch(self, into: Path, progress: Progress) -> Source:
        """Unpack it; one folder around everything is taken off."""
        thing = self.name or self.path.name
        progress(f"unpacking {thing}")
        try:
            with ExitStack() as stack:
                if zipfile.is_zipfile(self.path):
                    members = _zip_members(stack.enter_context(zipfile.ZipFile(self.path)))
                else:
                    members = _tar_members(
                        stack.enter_context(tarfile.open(self.path, tarinfo=_TarInfo))
                    )
                _unpack(members, into, thing, self.limits)
        except _BROKEN as error:
            raise DefinitionError(
                thing, f"cannot be unpacked: {error or type(error).__name__}", "tar tf, or unzip -t"
            ) from error
        _take_off_folder(into)
        refuse_links_out(into, thing)
        return Source("archive", thing)


def _zip_members(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for info in archive.infolist():
        mode = info.external_attr >> 16
        if info.is_dir():
            yield _Member(info.filename, is_folder=True)
        elif stat.S_ISLNK(mode):
            with archive.open(info) as file:
                yield _Member(info.filename, link=os.fsdecode(file.read(4096)))
        elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise ValueError(f"{info.filename!r} is neither file nor folder nor link")
        else:
            with archive.open(info) as file:
                yield _Member(info.filename, executable=bool(mode & stat.S_IXUSR), file=file)


def _tar_members(archive: tarfile.TarFile) -> Iterator[_Member]:
    for info in archive:
        if info.isdir():
            yield _Member(info.name, is_folder=True)
        elif info.issym():
            yield _Member(info.name, link=info.linkname)
        elif info.isreg():
            file = archive.extractfile(info)
            yield _Member(info.name, executable=bool(info.mode & stat.S_IXUSR), file=file)
        else:
            raise ValueError(f"{info.name!r} is neither file nor folder nor link")


def _unpack(members: Iterator[_Member], into: Path, thing: str, limits: Limits) -> None:
    count = size = 0
    links: list[tuple[Path, str]] = []
    for member in members:
        count += 1
        limits.check(thing, count, size)
        parts = _parts(member.name, thing)
        if not parts or LEFT_OUT & set(parts):
            continue
        target = into.joinpath(*parts)
        if member.is_folder:
            target.mkdir(parents=True, exist_ok=True)
        elif member.link is not None:
            links.append((target, member.link))
        elif member.file is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                while block := member.file.read(1 << 16):
                    size += len(block)
                    limits.check(thing, count, size)
                    file.write(block)
            target.chmod(0o755 if member.executable else 0o644)
    for target, leads_to in links:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(leads_to)


def _parts(name: str, thing: str) -> tuple[str, ...]:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or "\0" in name or (name[1:2] == ":"):
        raise DefinitionError(
            thing, f"cannot be unpacked: {name!r} leads out of it", "make the archive anew"
        )
    return path.parts


def _take_off_folder(folder: Path) -> None:
    """Move everything up when there is nothing but one folder."""
    entries = list(folder.iterdir())
    if len(entries) != 1 or entries[0].is_symlink() or not entries[0].is_dir():
        return
    around = entries[0].rename(folder / f".around-{os.urandom(4).hex()}")
    for path in list(around.iterdir()):
        path.rename(folder / path.name)
    around.rmdir()
