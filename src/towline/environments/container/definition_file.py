"""Definition files of Apptainer: what they are made of besides their own text.

Of a definition file only ``%files`` and a local base image name other files. They are gathered in
a folder beside the text, so that the same build runs here or on a cluster.
"""

from __future__ import annotations

import glob
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from towline.environments.content import digest
from towline.environments.hashes import HashMemory
from towline.errors import DefinitionError

NAME = "container.def"
"""Of the text, in the folder of a build."""

_HEADER = re.compile(r"\s*(bootstrap|from)\s*:\s*(.*?)\s*", re.IGNORECASE)
_SECTION = re.compile(r"\s*%(\w+)(.*)")


@dataclass(frozen=True)
class Source:
    """A file or folder of the workspace that the build reads."""

    path: Path
    place: str
    """Where it lies in the folder of the build, relative."""


@dataclass(frozen=True)
class DefinitionFile:
    """A definition file and all that it names."""

    path: Path
    text: str
    """As it is built: sources are named by their place in the folder of the build."""
    sources: tuple[Source, ...]
    digest: str
    """Of the text and of all files."""

    def lay_out(self, folder: Path, *, links: bool) -> None:
        """Fill the folder of a build; with `links` big files are not copied."""
        (folder / NAME).write_text(self.text, encoding="utf-8")
        for source in self.sources:
            place = folder / source.place
            place.parent.mkdir(parents=True, exist_ok=True)
            if links:
                place.symlink_to(source.path)
            elif source.path.is_dir():
                shutil.copytree(source.path, place, ignore_dangling_symlinks=True)
            else:
                shutil.copy2(source.path, place)


def read_definition(path: Path, memory: HashMemory) -> DefinitionFile:
    """Read a definition file and find what it names.

    Raises:
        DefinitionError: it cannot be read, says nothing of a base, or names a file that is not
            there.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise DefinitionError(
            str(path), f"the definition file cannot be read: {why}", f"ls -l {path}"
        ) from error
    reader = _Reader(path)
    built = "\n".join(reader.lines(text)) + "\n"
    if not reader.bootstraps:
        raise DefinitionError(
            str(path), "is no definition file: it has no Bootstrap line", "see apptainer.org/docs"
        )
    asked = [f"text {built}"]
    for source in reader.sources:
        for name, file in _files(source):
            asked.append(f"{name} {memory.sha256(file)} {os.access(file, os.X_OK)}")
    return DefinitionFile(path, built, tuple(reader.sources), digest(asked))


class _Reader:
    """Rewrites a definition file line by line, noting the sources."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sources: list[Source] = []
        self.bootstraps = 0
        self._section = ""
        self._agent = ""

    def lines(self, text: str) -> Iterator[str]:
        for number, line in enumerate(text.splitlines(), 1):
            if match := _SECTION.fullmatch(line):
                self._section = f"{match[1]}{match[2]}".strip()
            elif match := _HEADER.fullmatch(line):
                line = self._header(line, match[1].lower(), match[2], number)
            elif self._section == "files" and line.strip() and not line.lstrip().startswith("#"):
                line = self._file(line, number)
            yield line

    def _header(self, line: str, key: str, value: str, number: int) -> str:
        if key == "bootstrap" and (not self._section or value):
            if self._section and value not in _AGENTS:
                return line  # a line of a script that looks alike
            self._section, self._agent = "", value
            self.bootstraps += 1
            return line
        if self._section or key != "from" or self._agent != "localimage":
            return line
        base = self._whole(value)
        if not base.exists():
            if value.startswith("/"):
                return line  # an image of the machine that builds
            raise self._missing(value, number)
        return f"From: {self._place(base)}"

    def _file(self, line: str, number: int) -> str:
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise DefinitionError(f"{self.path}:{number}", f"cannot be read: {error}") from error
        name, target = words[0], words[1:]
        found = sorted(glob.glob(str(self._whole(name))))  # noqa: PTH207 - may be absolute
        if not found:
            raise self._missing(name, number)
        if len(found) > 1 and not target:
            raise DefinitionError(f"{self.path}:{number}", "several files need a destination")
        places = [self._place(Path(path)) for path in found]
        where = target or [name]
        return "\n".join(f"    {shlex.quote(place)} {shlex.join(where)}" for place in places)

    def _place(self, path: Path) -> str:
        place = f"files/{len(self.sources)}/{path.name}"
        self.sources.append(Source(path, place))
        return place

    def _whole(self, name: str) -> Path:
        return self.path.parent / Path(name).expanduser()

    def _missing(self, name: str, number: int) -> DefinitionError:
        return DefinitionError(
            f"{self.path}:{number}", f"{name} is not there (looked in {self.path.parent})"
        )


_AGENTS = frozenset(
    [
        "docker",
        "docker-archive",
        "docker-daemon",
        "oci",
        "oci-archive",
        "library",
        "oras",
        "shub",
        "localimage",
        "debootstrap",
        "yum",
        "arch",
        "busybox",
        "zypper",
        "scratch",
    ]
)


def _files(source: Source) -> Iterator[tuple[str, Path]]:
    if not source.path.is_dir():
        yield source.place, source.path
        return
    for place, folders, files in os.walk(source.path):
        folders.sort()
        for name in sorted(files):
            file = Path(place, name)
            if file.is_file():
                yield f"{source.place}/{file.relative_to(source.path)}", file
