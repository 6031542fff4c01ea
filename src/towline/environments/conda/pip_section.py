"""The ``pip:`` section of an environment.yml: lines of a requirements file that lies beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from towline.environments.locks import without_secrets
from towline.errors import DefinitionError

_WITH_FILE = {"-r": "-r", "--requirement": "-r", "-c": "-c", "--constraint": "-c"}
_EDITABLE = ("-e", "--editable")
_OF_INDEX = {
    "-i": "--index-url", "--index-url": "--index-url", "--extra-index-url": "--extra-index-url",
    "-f": "--find-links", "--find-links": "--find-links", "--no-index": "--no-index",
}  # fmt: skip
_HASH = re.compile(r"\s--hash[= ]\S+")
_REMOTE = re.compile(r"[a-z+]+://")


@dataclass(frozen=True)
class PipLine:
    """A package that pip is asked for."""

    text: str
    """A requirement, without options; paths made absolute."""
    place: str
    """``file:line``, for messages."""
    local: Path | None = None
    """A folder or archive of the user's own."""

    @property
    def requirement(self) -> Requirement | None:
        """Return it parsed; None for a path, whose name its build will tell."""
        return None if self.local and "@" not in self.text else Requirement(self.text)

    @property
    def name(self) -> str:
        """Return its normalised name; empty where only a build could tell."""
        requirement = self.requirement
        return canonicalize_name(requirement.name) if requirement else ""


@dataclass(frozen=True)
class PipSection:
    """All that pip is asked for, included files and all."""

    lines: tuple[PipLine, ...] = ()
    options: tuple[str, ...] = ()
    """Lines on indexes; may hold secrets."""
    constraints: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    """Requirements files that were included."""

    @property
    def local(self) -> tuple[Path, ...]:
        """Return the folders and archives of the user's own."""
        return tuple(line.local for line in self.lines if line.local)


def read_pip_section(items: Iterable[tuple[str, str]], folder: Path) -> PipSection:
    """Read the section: each item is a line of a requirements file in `folder`.

    Args:
        items: text and place of each.
        folder: that of the environment.yml.

    Raises:
        DefinitionError: a line is no requirement, or an option that has no meaning here.

    """
    found = _Found([], [], [], [])
    for text, place in items:
        _read_line(text, place, folder, found)
    return PipSection(
        lines=tuple(found.lines),
        options=tuple(found.options),
        constraints=tuple(found.constraints),
        files=tuple(found.files),
    )


@dataclass
class _Found:
    lines: list[PipLine]
    options: list[str]
    constraints: list[str]
    files: list[Path]


def _read_line(text: str, place: str, folder: Path, found: _Found, into: str = "-r") -> None:
    text = text.strip()
    option, value = _option(text)
    if option in _WITH_FILE:
        path = _path(value, folder)
        if path not in found.files:
            found.files.append(path)
            for line, where in _lines_of(path, place):
                _read_line(line, where, path.parent, found, _WITH_FILE[option])
    elif option in _OF_INDEX:
        if option in ("-f", "--find-links") and not _REMOTE.match(value):
            value = str(_path(value, folder))
        found.options.append(f"{_OF_INDEX[option]} {value}".strip())
    elif option and option not in _EDITABLE:
        raise DefinitionError(place, f"{option} has no meaning in a pip: section here")
    elif into == "-c":
        found.constraints.append(_constraint(text, place))
    else:
        # What is editable is a path, even where it reads like the name of a package.
        inside = option and not value.startswith((".", "/", "~")) and not _REMOTE.match(value)
        found.lines.append(_package(f"./{value}" if inside else value, place, folder))


def _option(text: str) -> tuple[str, str]:
    if not text.startswith("-"):
        return "", text
    if not text.startswith("--") and len(text) > 2 and text[2] not in " =":
        return text[:2], text[2:].strip()
    name, value = re.fullmatch(r"(?s)(-[^\s=]*)[\s=]?\s*(.*)", text).groups()  # type: ignore[union-attr]
    return name, value.strip().strip("'\"")


def _package(text: str, place: str, folder: Path) -> PipLine:
    text = _HASH.sub("", re.sub(r"(^|\s)#.*$", "", text)).strip()
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        return _unnamed(text, place, folder, error)
    if requirement.url and requirement.url.startswith("file:"):
        local = Path(unquote(urlsplit(requirement.url).path))
        return PipLine(text, place, _there(local, place))
    return PipLine(text, place)


def _unnamed(text: str, place: str, folder: Path, error: InvalidRequirement) -> PipLine:
    """Return a line that names no package: a path, with extras perhaps, or an address."""
    if text.startswith("file:"):
        return PipLine(text, place, _there(Path(unquote(urlsplit(text).path)), place))
    if _REMOTE.match(text):
        name = re.search(r"#egg=([A-Za-z0-9._-]+)", text)
        if name is None:
            raise DefinitionError(place, f"{without_secrets(text)}: write it as name @ address")
        return PipLine(f"{name[1]} @ {text.partition('#')[0]}", place)
    path, bracket, extras = text.partition("[")
    if text.startswith((".", "/", "~")) or _path(path, folder).exists():
        local = _there(_path(path, folder), place)
        return PipLine(f"{local}{bracket}{extras}", place, local)
    said = str(error).partition("\n")[0]
    raise DefinitionError(place, f"{without_secrets(text)!r} is no requirement: {said}")


def _constraint(text: str, place: str) -> str:
    try:
        return str(Requirement(_HASH.sub("", text)))
    except InvalidRequirement as error:
        raise DefinitionError(place, f"{without_secrets(text)!r} is no constraint") from error


def _lines_of(path: Path, place: str) -> Iterator[tuple[str, str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise DefinitionError(place, f"{path} cannot be read: {said}", f"ls -l {path}") from error
    waiting, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first if waiting else number
        whole = waiting + re.sub(r"(^|\s)#.*$", "", line)
        waiting = whole[:-1] if whole.endswith("\\") else ""
        if not waiting and whole.strip():
            yield whole.strip(), f"{path}:{first}"


def _path(text: str, folder: Path) -> Path:
    return Path(os.path.normpath(folder / Path(text.strip("'\"")).expanduser()))


def _there(path: Path, place: str) -> Path:
    if not path.exists():
        raise DefinitionError(place, f"{path} is not there")
    return path
