"""What wheels must fit: the cluster's processor, C library and Python."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.markers import default_environment
from packaging.tags import Tag, compatible_tags, cpython_tags

from towline.environments.cluster_side import Facts
from towline.environments.compatibility import version_of
from towline.environments.interpreter import Workspace
from towline.errors import EnvironmentMismatch

_ARCHES = {"x86_64": 5, "aarch64": 17}
"""Processor: the glibc 2.x that its oldest manylinux tag names."""

_OLDER_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}

_UV_FLOORS = (40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 28, 17)
"""The glibc 2.x that uv has a name for; between them the lower one holds."""


@dataclass(frozen=True)
class Target:
    """Where the wheels will be used."""

    python: str
    """Full version; of another patch level than the cluster's, perhaps."""
    arch: str
    glibc: tuple[int, int]

    @property
    def minor(self) -> str:
        """Return the version that wheels depend on, as in ``"3.11"``."""
        return ".".join(self.python.split(".")[:2])

    @property
    def uv_platform(self) -> str:
        """Return uv's name of the platform."""
        return f"{self.arch}-manylinux_2_{self._floor}"

    @property
    def _floor(self) -> int:
        return next(number for number in _UV_FLOORS if number <= self.glibc[1])

    @property
    def words(self) -> str:
        """Return it for a message."""
        return f"Python {self.minor} on {self.arch} with glibc {self.glibc[0]}.{self.glibc[1]}"

    def tags(self) -> list[Tag]:
        """Return the tags of wheels that run there, the best first."""
        version = tuple(int(part) for part in self.minor.split("."))
        platforms = list(self._platforms())
        interpreter = f"cp{version[0]}{version[1]}"
        return [
            *cpython_tags(version, platforms=platforms),
            *compatible_tags(version, interpreter, platforms),
        ]

    def marker_environment(self) -> dict[str, str]:
        """Return the values of environment markers there."""
        return {
            **{name: str(value) for name, value in default_environment().items()},
            "python_version": self.minor,
            "python_full_version": self.python,
            "implementation_version": self.python,
            "platform_machine": self.arch,
            "platform_system": "Linux",
            "sys_platform": "linux",
            "os_name": "posix",
            "extra": "",
        }

    def _platforms(self) -> Iterator[str]:
        for number in range(self._floor, _ARCHES[self.arch] - 1, -1):
            yield f"manylinux_2_{number}_{self.arch}"
            if number in _OLDER_NAMES:
                yield f"{_OLDER_NAMES[number]}_{self.arch}"
        yield f"linux_{self.arch}"


def target_of(workspace: Workspace, facts: Facts, cluster: str) -> Target:
    """Return what wheels for this cluster must fit.

    Raises:
        EnvironmentMismatch: there are no such wheels, or we cannot tell them.

    """
    there = f"{facts.system} {facts.arch}"
    cause = ""
    if workspace.implementation != "CPython" or sys.implementation.name != "cpython":
        cause = f"the script runs on {workspace.implementation}, and wheels are for CPython"
    elif facts.system != "Linux" or facts.arch not in _ARCHES:
        cause = f"is {there}; kind uv knows wheels for Linux on {' and '.join(_ARCHES)}"
    elif not facts.glibc:
        cause = "has a C library other than glibc, for which we cannot tell the wheels"
    elif version_of(facts.glibc) < (2, _UV_FLOORS[-1]):
        cause = f"has glibc {facts.glibc}, older than what today's wheels need"
    if cause:
        raise EnvironmentMismatch(
            f"cluster {cluster}", cause, "use an environment that is there: kind existing"
        )
    return Target(workspace.version, facts.arch, version_of(str(facts.glibc)))
