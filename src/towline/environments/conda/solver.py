"""Which packages fit together on the cluster: asked of py-rattler's solver."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from towline.environments.conda.channels import Channel, hushed, without_channel_secrets
from towline.environments.conda.platforms import Virtual
from towline.environments.conda.rattler import LibraryError, downloads_folder, run_worker
from towline.errors import EnvironmentBuildFailed

SOLVE_SECONDS = 600

Record = dict[str, Any]
"""A package of a channel as its index describes it, with ``url`` and ``fn``; without secrets."""

_NOT_KEPT = ("channel",)


class Unsolvable(EnvironmentBuildFailed):
    """No set of packages has all that is asked for."""


def solve(
    packages: Sequence[str],
    channels: Sequence[Channel],
    subdir: str,
    virtual: Sequence[Virtual],
    thing: str,
) -> list[Record]:
    """Return the packages of an environment, sorted by name.

    Args:
        packages: match specifications.
        channels: the first has the highest priority, strictly.
        subdir: platform of the cluster.
        virtual: what it has beside packages.
        thing: what messages are about, the environment.yml.

    Raises:
        Unsolvable: in the solver's own words.
        EnvironmentBuildFailed: a channel cannot be read.

    """
    job = {
        "do": "solve",
        "channels": [channel.url for channel in channels],
        "packages": list(packages),
        "subdir": subdir,
        "virtual": list(virtual),
        "indexes": str(downloads_folder() / "indexes"),
        "seconds": SOLVE_SECONDS,
    }
    try:
        records = run_worker(job)
    except LibraryError as error:
        said = hushed(str(error), channels)
        if error.kind == "SolverError":
            said = _in_one_line(said.removeprefix("Cannot solve the request because of: "))
            has = ", ".join(f"{name}={version}" for name, version, _ in virtual if version != "0")
            raise Unsolvable(
                thing,
                f"cannot be solved for {subdir} ({has}): {said}",
                "loosen a version, or add the channel that has the package",
            ) from None
        shown = ", ".join(channel.shown for channel in channels)
        raise EnvironmentBuildFailed(
            thing,
            f"a channel cannot be read ({shown}): {said}",
            "check the channels' addresses and the workspace's way to them",
        ) from None
    return sorted(map(_kept, records), key=lambda record: str(record["name"]))


def _in_one_line(text: str) -> str:
    """Return the solver's words, a tree of lines, as one line; what hangs on what stays visible."""
    lines = (re.sub(r"^[\s│├└─]+", "", line).strip() for line in text.splitlines())
    return "; ".join(line.rstrip(",:") for line in lines if line)


def _kept(found: Record) -> Record:
    """Return a record without secrets."""
    kept = {name: value for name, value in found.items() if name not in _NOT_KEPT}
    return kept | {"url": without_channel_secrets(found["url"])}


def record_line(record: Record) -> str:
    """Return a package's line of a lock: name, version, build, and the hash of its archive."""
    name = f"{record['name']}={record['version']}={record['build']}"
    if sha256 := record.get("sha256"):
        return f"{name} sha256:{sha256}"
    return f"{name} md5:{record.get('md5', '')}"
