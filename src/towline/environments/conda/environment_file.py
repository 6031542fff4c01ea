"""An environment.yml as conda reads it; what conda would pass over in silence is refused."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from towline.clusters import LinedMapping, read_mapping
from towline.environments.conda.channels import DEFAULT_CHANNEL, Channel, addresses
from towline.environments.conda.pip_section import PipSection, read_pip_section
from towline.errors import DefinitionError

_KEYS = ("name", "channels", "dependencies", "prefix", "variables")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True)
class Asked:
    """A conda package that is asked for, in the user's words."""

    text: str
    """A match specification, as in ``numpy>=2``."""
    place: str
    """``file:line``, for messages."""


@dataclass(frozen=True)
class EnvironmentFile:
    """An environment.yml; `name` and `prefix` say where conda would put it: they do not count."""

    path: Path
    channels: tuple[Channel, ...]
    """The first has the highest priority."""
    packages: tuple[Asked, ...]
    pip: PipSection
    variables: dict[str, str]
    """Set when the environment is activated."""
    channels_given: bool = True
    """False: it names none, and the default was taken."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Return the files that it was read from."""
        return (str(self.path), *map(str, self.pip.files))


def read_environment_file(path: Path) -> EnvironmentFile:
    """Read an environment.yml and the requirements files that its ``pip:`` section includes.

    Raises:
        DefinitionError: it cannot be read, or holds something unknown; names file and line.

    """
    if not path.exists():
        near = (
            sorted(str(p.name) for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        )
        there = f"; there is {', '.join(near[:5])}" if near else ""
        raise DefinitionError(str(path), f"is not there{there}", "set local_conda_yaml to its path")
    raw = read_mapping(path)
    for key in raw.values:
        if key not in _KEYS:
            raise DefinitionError(
                raw.place((str(key),)), f"{key} is no key of an environment.yml", _near(str(key))
            )
    channels = [
        Channel(url)
        for number, text in enumerate(_texts(raw, "channels"))
        for url in addresses(_with_variables(text, raw.place(("channels", number))), path.parent)
    ]
    packages, pip = _dependencies(raw)
    return EnvironmentFile(
        path=path,
        channels=tuple(channels) or (Channel(DEFAULT_CHANNEL),),
        packages=packages,
        pip=pip,
        variables=_variables(raw),
        channels_given=bool(channels),
    )


def _dependencies(raw: LinedMapping) -> tuple[tuple[Asked, ...], PipSection]:
    items = raw.values.get("dependencies")
    if not isinstance(items, list) or not items:
        raise DefinitionError(
            raw.place(("dependencies",)), "needs a list of packages under dependencies"
        )
    packages: list[Asked] = []
    pip: list[tuple[str, str]] = []
    for number, item in enumerate(items):
        place = raw.place(("dependencies", number))
        if isinstance(item, str):
            packages.append(Asked(_with_variables(item.strip(), place), place))
        elif isinstance(item, dict) and list(item) == ["pip"]:
            if not isinstance(item["pip"] or [], list):
                raise DefinitionError(place, "pip: needs a list, an item for each package")
            for line, text in enumerate(item["pip"] or ()):
                pip.append((str(text), raw.place(("dependencies", number, "pip", line))))
        else:
            said = next(iter(item)) if isinstance(item, dict) and item else item
            raise DefinitionError(place, f"{said!r} is neither a package nor a pip: section")
    return tuple(packages), read_pip_section(pip, raw.path.parent)


def _variables(raw: LinedMapping) -> dict[str, str]:
    found = raw.values.get("variables") or {}
    if not isinstance(found, dict):
        raise DefinitionError(raw.place(("variables",)), "must map names to values")
    for name in found:
        if not _VARIABLE.fullmatch(str(name)):
            raise DefinitionError(raw.place(("variables", name)), "is no name of a variable")
    return {str(name): str(value) for name, value in found.items()}


def _texts(raw: LinedMapping, key: str) -> list[str]:
    found: Any = raw.values.get(key) or []
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise DefinitionError(raw.place((key,)), f"{key} must be a list of texts")
    return [item.strip() for item in found]


def _with_variables(text: str, place: str) -> str:
    """Put environment variables in, as conda does: this is how tokens stay out of the file."""

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in os.environ:
            raise DefinitionError(place, f"${name} is not set", f"export {name}=…")
        return os.environ[name]

    return _REFERENCE.sub(value, text)


def _near(key: str) -> str:
    close = difflib.get_close_matches(key, _KEYS, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(_KEYS)}"
