"""Whether a script and its workers can work together: pure judgement on what both sides are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from towline.environments.worker_python import WorkerPython

SERIALISES = "dill"
"""Writes and reads functions on both sides."""

MOST_NAMED = 6
"""Packages named in one message; the rest are counted."""


@dataclass(frozen=True)
class Expected:
    """What the script runs on, which workers must match."""

    version: str
    implementation: str
    parsl: str
    packages: Mapping[str, str]
    """What the script has at hand, by normalised name; empty where the copy is exact."""
    changeable: bool
    """The environment is the user's own, so that advice may be to change it."""
    advice: str = ""
    """What to do about Parsl there, where the kind has advice of its own."""

    @property
    def minor(self) -> str:
        """Return the version that byte-code depends on, as in ``"3.11"``."""
        return ".".join(self.version.split(".")[:2])


@dataclass(frozen=True)
class Fault:
    """Why it cannot work, and what to do."""

    cause: str
    next_step: str


def fatal(expected: Expected, worker: WorkerPython) -> Fault | None:
    """Return the first reason why workers in this Python cannot serve the script."""
    if worker.minor != expected.minor:
        return Fault(
            f"workers would run Python {worker.version}, but this script runs {expected.version}. "
            "Functions are sent as byte-code and cannot cross minor versions: a crash, no error",
            f"use an environment with Python {expected.minor} there, or start the script with "
            f"Python {worker.minor}",
        )
    if worker.implementation != expected.implementation:
        return Fault(
            f"workers would run {worker.implementation}, but this script runs "
            f"{expected.implementation}. Functions are sent as byte-code and cannot cross that",
            f"use an environment with {expected.implementation} there",
        )
    install = f"{worker.executable} -m pip install parsl=={expected.parsl}"
    or_sync = f"{install}  (on the cluster), or set kind: sync and Towline brings everything"
    if not expected.changeable:
        or_sync = "set python: workspace to send the workspace's interpreter along"
    or_sync = expected.advice or or_sync
    if worker.parsl is None and expected.advice:
        return Fault(
            f"the script's Parsl does not load on its Python ({worker.executable}): "
            f"{worker.worker_error}",
            or_sync,
        )
    if worker.parsl is None:
        return Fault(
            f"the environment's Python ({worker.executable}) has no Parsl: {worker.worker_error}",
            or_sync,
        )
    if worker.parsl != expected.parsl:
        return Fault(
            f"workers would run Parsl {worker.parsl}, but this script runs Parsl {expected.parsl}. "
            f"Both must be exactly equal (theirs is in {worker.parsl_from})",
            or_sync,
        )
    if worker.worker_error is not None:
        return Fault(f"Parsl's worker cannot start there: {worker.worker_error}", or_sync)
    return None


def warnings(expected: Expected, worker: WorkerPython) -> tuple[str, ...]:
    """Return what is odd but may work: other versions, missing packages, libraries not found."""
    found = []
    theirs = worker.packages.get(SERIALISES)
    ours = expected.packages.get(SERIALISES)
    if ours and theirs and ours != theirs:
        found.append(f"{SERIALISES} is {theirs} there and {ours} here: some functions may not load")
    missing = sorted(set(expected.packages) - set(worker.packages)) if worker.packages else []
    if missing:
        found.append(f"not there, but here: {_named(missing)}")
    other = sorted(
        f"{name} {worker.packages[name]} (here {version})"
        for name, version in expected.packages.items()
        if name != SERIALISES and worker.packages.get(name, version) != version
    )
    if other:
        found.append(f"other versions there: {_named(other)}")
    found.extend(
        f"{module} does not load there: {why}" for module, why in worker.unloadable.items()
    )
    return tuple(found)


def _named(items: list[str]) -> str:
    more = len(items) - MOST_NAMED
    return ", ".join(items[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
