"""The file that says what an environment has: requirements, a project, or a script's header."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import tomllib
from packaging.requirements import InvalidRequirement, Requirement

from towline.errors import DefinitionError

_HEADER = re.compile(r"(?m)^# /// script\s*$\s(?P<content>(^#(| .*)$\s)+)^# ///\s*$")
"""The block of PEP 723, as its specification writes it."""

_SUFFIXES = (".txt", ".in")
FORMS = "requirements (.txt, .in), a pyproject.toml, or a script (.py) with a PEP 723 header"


class Form(Enum):
    """What kind of file a spec is."""

    REQUIREMENTS = "requirements"
    PROJECT = "project without a lock"
    LOCKED_PROJECT = "project with its uv.lock"
    SCRIPT = "script with a header"


@dataclass(frozen=True)
class Spec:
    """A spec as it was read."""

    path: Path
    form: Form
    files: tuple[Path, ...]
    """All files that it is made of, itself first."""
    texts: tuple[str, ...]
    """Their texts."""
    requirements: tuple[Requirement, ...] = ()
    """What it asks for by name; lines that only uv understands are not among them."""
    requires_python: str = ""
    folders: tuple[Path, ...] = field(default=())
    """Packages of the user's own that it names by folder."""

    def asks_for(self, name: str) -> list[Requirement]:
        """Return the requirements of this name."""
        return [each for each in self.requirements if each.name.lower() == name]


def read_spec(path: Path) -> Spec:
    """Read a spec and all files that it includes.

    Raises:
        DefinitionError: it, or a file that it includes, is not there or cannot be read, or is
            nothing that an environment can be made of.

    """
    if path.is_dir() and (path / "pyproject.toml").exists():
        path = path / "pyproject.toml"
    if path.name == "pyproject.toml":
        return _project(path)
    if path.suffix == ".py":
        return _script(path)
    if path.suffix in _SUFFIXES:
        return _requirements(path)
    _text_of(path)  # one that is missing is said to be missing
    raise DefinitionError(str(path), "is no spec that uv can lock", f"give {FORMS}")


def _project(path: Path) -> Spec:
    text = _text_of(path)
    about = _toml(text, path)
    project = about.get("project", {})
    lock = path.with_name("uv.lock")
    locked = lock.exists()
    tool = about.get("tool", {}).get("uv", {})
    is_package = tool.get("package", "build-system" in about)
    return Spec(
        path,
        Form.LOCKED_PROJECT if locked else Form.PROJECT,
        (path, lock) if locked else (path,),
        (text, _text_of(lock)) if locked else (text,),
        tuple(_readable(project.get("dependencies", []))),
        str(project.get("requires-python", "")),
        (path.parent,) if is_package else (),
    )


def _script(path: Path) -> Spec:
    text = _text_of(path)
    match = _HEADER.search(text)
    if match is None:
        raise DefinitionError(
            str(path),
            "has no header that names its dependencies",
            "write one (# /// script), or: uv add --script SCRIPT PACKAGE",
        )
    lines = (line[2:] if line.startswith("# ") else line[1:] for line in match[1].splitlines())
    header = "\n".join(lines)
    about = _toml(header, path)
    return Spec(
        path,
        Form.SCRIPT,
        (path,),
        (header,),  # an edit of the code below it asks for no other packages
        tuple(_readable(about.get("dependencies", []))),
        str(about.get("requires-python", "")),
    )


def _requirements(path: Path) -> Spec:
    files: dict[Path, str] = {}
    lines = list(_lines_of(path, files))
    return Spec(
        path,
        Form.REQUIREMENTS,
        tuple(files),
        tuple(files.values()),
        tuple(_readable(lines)),
        folders=tuple(_folders(lines, path.parent)),
    )


def _lines_of(path: Path, files: dict[Path, str]) -> Iterator[str]:
    if path in files:
        return
    files[path] = _text_of(path)
    for line in re.sub(r"\\\r?\n", " ", files[path]).splitlines():
        text = re.sub(r"(^|\s)#.*$", "", line).strip()
        option = re.match(r"(?:-r|-c|--requirements?|--constraints?)[ =]?\s*(\S+)", text)
        if option is None:
            yield text
        elif "://" not in option[1]:
            yield from _lines_of((path.parent / option[1]).resolve(), files)


def _folders(lines: Iterable[str], base: Path) -> Iterator[Path]:
    for line in lines:
        place = re.sub(r"^(-e|--editable)[ =]\s*", "", line)
        place = place.rpartition(" @ ")[2].partition(";")[0].partition("[")[0].strip()
        if place.startswith("file:"):
            place = unquote(urlsplit(place).path)
        if place != line.partition("[")[0] or place.startswith((".", "/")):
            folder = base / place
            if (folder / "pyproject.toml").exists() or (folder / "setup.py").exists():
                yield folder.resolve()


def _readable(lines: Iterable[Any]) -> Iterator[Requirement]:
    for line in lines:
        try:
            yield Requirement(re.sub(r"\s--hash[ =]\S+", "", str(line)).strip())
        except InvalidRequirement:
            continue  # options, paths and the like: uv judges them


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DefinitionError(
            str(path), f"cannot be read: {error.strerror}", f"ls -l {path}"
        ) from error
    except UnicodeDecodeError as error:
        raise DefinitionError(str(path), "is not a text file") from error


def _toml(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(str(path), f"is not TOML: {error}") from error
