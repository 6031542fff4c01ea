"""The cluster as conda's solver sees it: a platform, and virtual packages for what it has."""

from __future__ import annotations

import re
from collections.abc import Iterable

from towline.environments.cluster_side import Facts
from towline.errors import DefinitionError, EnvironmentMismatch

_SUBDIRS = {
    ("Linux", "x86_64"): "linux-64",
    ("Linux", "aarch64"): "linux-aarch64",
    ("Linux", "ppc64le"): "linux-ppc64le",
    ("Linux", "s390x"): "linux-s390x",
    ("Linux", "riscv64"): "linux-riscv64",
}
_OVERRIDE = re.compile(r"(__[a-z0-9_-]+)(?:=([^=\s]+)(?:=([^=\s]+))?)?")
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")

Virtual = tuple[str, str, str]
"""Name, version and build of a virtual package."""


def subdir_of(facts: Facts, cluster: str) -> str:
    """Return conda's name of the cluster's platform, as in ``linux-64``.

    Raises:
        EnvironmentMismatch: conda has no packages for it.

    """
    subdir = _SUBDIRS.get((facts.system, facts.arch))
    if subdir is None or not facts.glibc:
        what = f"{facts.system} {facts.arch}" + ("" if facts.glibc else " without glibc")
        raise EnvironmentMismatch(
            f"cluster {cluster}",
            f"there are no conda packages for {what}",
            "use an environment that is there already: environment: existing",
        )
    return subdir


def virtual_packages(facts: Facts, overrides: Iterable[str]) -> tuple[Virtual, ...]:
    """Return what the cluster has, by its facts; what the user says of its nodes goes first.

    Args:
        facts: those of the controller.
        overrides: such as ``__cuda=12.4``; a name alone says that nodes do not have it.

    Raises:
        DefinitionError: an override is no virtual package.

    """
    kernel = _NUMBERS.match(getattr(facts, "kernel", ""))
    found: dict[str, Virtual] = {
        "__unix": ("__unix", "0", "0"),
        "__linux": ("__linux", kernel[0] if kernel else "0", "0"),
        "__glibc": ("__glibc", facts.glibc or "0", "0"),
        "__archspec": ("__archspec", "1", getattr(facts, "microarch", "") or facts.arch),
    }
    if cuda := getattr(facts, "cuda", ""):
        found["__cuda"] = ("__cuda", cuda, "0")
    for text in overrides:
        match = _OVERRIDE.fullmatch(text)
        if match is None:
            raise DefinitionError(
                f"virtual_packages: {text}", "is no virtual package, such as __cuda=12.4"
            )
        name, version, build = match.groups()
        if version is None:
            found.pop(name, None)
        else:
            found[name] = (name, version, build or "0")
    return tuple(sorted(found.values()))
