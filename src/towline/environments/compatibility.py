"""Whether compiled packages of the workspace can run on the cluster's C library."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_MANYLINUX = re.compile(r"manylinux_(\d+)_(\d+)_(\w+)")
_OLDER_NAMES = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
_SYMBOL_VERSION = re.compile(rb"GLIBC_2\.(\d+)")


def version_of(text: str) -> tuple[int, int]:
    """Return a C library's version as two numbers: ``"2.36"`` is ``(2, 36)``."""
    major, _, minor = text.partition(".")
    return int(major), int(minor.partition(".")[0] or 0)


def glibc_by_tags(tags: Iterable[str]) -> tuple[int, int] | None:
    """Return the oldest glibc on which a wheel with these tags runs; None: the tags do not say."""
    floors = []
    for tag in tags:
        platform = tag.rpartition("-")[2]
        if match := _MANYLINUX.fullmatch(platform):
            floors.append((int(match[1]), int(match[2])))
        floors.extend(
            floor for name, floor in _OLDER_NAMES.items() if platform.startswith(f"{name}_")
        )
    return min(floors, default=None)


def glibc_by_symbols(files: Iterable[Path]) -> tuple[int, int]:
    """Return the oldest glibc that has all symbols which these compiled files ask for."""
    newest = 0
    for file in files:
        newest = max([newest, *map(int, _SYMBOL_VERSION.findall(file.read_bytes()))])
    return 2, newest


def is_compiled(name: str) -> bool:
    """Return whether a file is a compiled module or library, by its name."""
    base = name.rpartition("/")[2]
    return base.endswith(".so") or ".so." in base
