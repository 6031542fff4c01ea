"""How two locks differ, and how an environment on a cluster differs from its lock."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources

from towline.environments.cluster_side import (
    Connection,
    Facts,
    environments_folder,
    marked,
    program,
)
from towline.environments.locks import Lock
from towline.environments.plan import Plan
from towline.environments.request import EnvironmentRequest
from towline.errors import EnvironmentFault, ReachError

LOOK_SECONDS = 300
"""Limit of reading every file of an environment; big ones on slow disks take minutes."""

PROBE = "contents_probe.py"

_PIN = re.compile(r"(?:pip:)?(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]*)==?(?P<version>[^\s=]+)")
"""A line of a lock: ``numpy==2.1.0 …``, ``pip:numpy==2.1.0 …`` or ``numpy=2.1.0=py311_0 …``."""


@dataclass(frozen=True)
class Difference:
    """A package that is not the same on both sides."""

    package: str
    before: str
    """Version, or hash where only that differs; empty: not there."""
    after: str
    files: tuple[str, ...] = ()
    """Files that somebody has changed since they were installed."""


@dataclass(frozen=True)
class Contents:
    """What an environment on a cluster has."""

    packages: Mapping[str, str]
    """Name, normalised: version."""
    changed: Mapping[str, tuple[str, ...]]
    """Name: files that are not as they were installed."""


def between_locks(before: Lock, after: Lock) -> list[Difference]:
    """Return what differs between two locks, sorted by package."""
    ours, theirs = _by_name(before.lines), _by_name(after.lines)
    found = []
    for name in sorted({*ours, *theirs}):
        here, there = ours.get(name, ""), theirs.get(name, "")
        if here != there:
            if here.split()[:1] != there.split()[:1]:
                here, there = here.partition(" ")[0], there.partition(" ")[0]
            found.append(Difference(name, here, there))
    return found


def from_lock(lock: Lock, contents: Contents) -> list[Difference]:
    """Return how an environment differs from the lock that it was made from."""
    pins = {_normal(m["name"]): m["version"] for m in map(_PIN.match, lock.lines) if m}
    # What is built from a folder at each change has no version in the lock.
    loose = {_normal(line.split(" ")[0]) for line in lock.lines if not _PIN.match(line)}
    found = []
    for name in sorted({*pins, *contents.packages, *contents.changed}):
        locked, there = pins.get(name, ""), contents.packages.get(name, "")
        files = contents.changed.get(name, ())
        if files or (locked != there and name not in loose):
            found.append(Difference(name, locked, there, tuple(files)))
    return found


def contents_of(
    plan: Plan, request: EnvironmentRequest, connection: Connection, facts: Facts, cluster: str
) -> Contents:
    """Return what the environment of a plan really has on its cluster.

    Raises:
        EnvironmentFault: it is not there, or its Python does not start.
        ReachError: the connection failed.

    """
    root = environments_folder(request.root, facts)
    folders = [f"{root}/{layer.name}" for layer in plan.layers]
    script = program(
        "contents",
        python=plan.environment.python,
        complete=f"{folders[-1]}/.complete",
        folders=shlex.join(folders),
        probe=resources.files("towline.environments").joinpath(PROBE).read_text(encoding="utf-8"),
    )
    answer = connection.run(script, timeout=LOOK_SECONDS)
    said = marked(answer.stdout)
    thing = f"cluster {cluster}"
    if "absent" in said:
        raise EnvironmentFault(
            thing,
            f"{plan.environment.key} is not there yet",
            "towline env rebuild EXECUTORS, or start a run",
        )
    if "said" in said:
        raise EnvironmentFault(
            thing,
            f"{plan.environment.key} does not start: {' / '.join(said['said'])}",
            "towline env rebuild EXECUTORS",
        )
    if "end" not in said:
        raise ReachError(thing, "the answer broke off", "try again")
    changed: dict[str, list[str]] = {}
    for line in said["changed"]:
        name, _, path = line.partition(" ")
        changed.setdefault(name, []).append(path)
    packages = dict(line.split(" ", 1) for line in said["package"])
    return Contents(packages, {name: tuple(files) for name, files in changed.items()})


def _by_name(lines: Iterable[str]) -> dict[str, str]:
    """Return what follows the name in each line: version, and hash or place."""
    found = {}
    for line in lines:
        match = _PIN.match(line)
        name = match["name"] if match else line.split(" ")[0]
        found[_normal(name)] = line[match.end("name") if match else len(name) :].lstrip("= ")
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
