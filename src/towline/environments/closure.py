"""Which of the workspace's packages go along: the roots, and all that they need."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

from packaging.utils import canonicalize_name

from towline.environments.installed import Installed
from towline.errors import DefinitionError

ALWAYS = "parsl"
"""What every worker needs."""

STAY_HOME = frozenset({"towline", "pip", "setuptools", "wheel", "uv"})
"""Never roots: tools of the workspace. Sent all the same when a package needs one of them."""


def select(
    installed: Mapping[str, Installed],
    packages: Iterable[str] | None = None,
    exclude: Iterable[str] = (),
) -> list[Installed]:
    """Return what goes along, sorted by name.

    Without `packages`, the roots are the distributions that somebody asked for or that no other one
    needs. What only Towline itself needs stays home.

    Raises:
        DefinitionError: a name in `packages` or `exclude` is not installed, or Parsl is not.

    """
    left_out = {_known(name, installed, "exclude") for name in exclude}
    if ALWAYS in left_out:
        raise DefinitionError("exclude", "parsl cannot be left out: every worker is one")
    if packages is None:
        roots = _roots(installed) - left_out
    else:
        roots = {_known(name, installed, "packages") for name in packages}
    roots.add(_known(ALWAYS, installed, "the workspace"))
    chosen = _with_needs(roots, installed, left_out)
    return [installed[name] for name in sorted(chosen)]


def _roots(installed: Mapping[str, Installed]) -> set[str]:
    needed: set[str] = set()
    for package in installed.values():
        needed.update(name for name, _ in _needs(package, frozenset()))
    return {
        name
        for name, package in installed.items()
        if name not in STAY_HOME
        and not package.belongs_to_system
        and (package.requested or name not in needed)
    }


def _with_needs(
    roots: Iterable[str], installed: Mapping[str, Installed], left_out: set[str]
) -> set[str]:
    extras: dict[str, frozenset[str]] = {}
    waiting = [(name, frozenset[str]()) for name in roots]
    while waiting:
        name, wanted = waiting.pop()
        if name in left_out or name not in installed:
            continue  # what is missing here is not used here either
        before = extras.get(name)
        if before is not None and wanted <= before:
            continue
        extras[name] = wanted | (before or frozenset())
        waiting.extend(_needs(installed[name], extras[name]))
    return set(extras)


def _needs(package: Installed, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for requirement in package.requirements:
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield (
                canonicalize_name(requirement.name),
                frozenset(canonicalize_name(extra) for extra in requirement.extras),
            )


def _known(name: str, installed: Mapping[str, Installed], where: str) -> str:
    normal = canonicalize_name(name)
    if normal not in installed:
        close = difflib.get_close_matches(normal, installed, n=1)
        raise DefinitionError(
            where,
            f"{name} is not installed in the workspace",
            f"did you mean {close[0]}?" if close else f"python -m pip install {name}",
        )
    return normal
