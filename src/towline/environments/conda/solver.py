"""Which packages fit together on the cluster: asked of py-rattler's solver."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from typing import Any

from towline.environments.conda.channels import Channel, hushed, without_channel_secrets
from towline.environments.conda.library import downloads_folder, run_apart
from towline.environments.conda.platforms import Virtual
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
    from rattler.exceptions import GatewayError, SolverError

    try:
        records = run_apart(lambda: _solve(packages, channels, subdir, virtual))
    except SolverError as error:
        said = hushed(str(error), channels).removeprefix("Cannot solve the request because of: ")
        where = ", ".join(f"{name}={version}" for name, version, _ in virtual if version != "0")
        raise Unsolvable(
            thing,
            f"cannot be solved for {subdir} ({where}): {said.strip()}",
            "loosen a version, or add the channel that has the package",
        ) from None
    except (GatewayError, OSError) as error:
        shown = ", ".join(channel.shown for channel in channels)
        raise EnvironmentBuildFailed(
            thing,
            f"a channel cannot be read ({shown}): {hushed(str(error), channels)}",
            "check the channels' addresses and the workspace's way to them",
        ) from None
    return sorted(map(_as_record, records), key=lambda record: str(record["name"]))


async def _solve(
    packages: Sequence[str], channels: Sequence[Channel], subdir: str, virtual: Sequence[Virtual]
) -> list[Any]:
    import rattler
    from rattler.channel import ChannelPriority
    from rattler.package import BuildString

    return await rattler.solve(
        [channel.url for channel in channels],
        [rattler.MatchSpec(text) for text in packages],
        gateway=rattler.Gateway(cache_dir=downloads_folder() / "indexes"),
        platforms=[rattler.Subdir(subdir), rattler.Subdir("noarch")],
        virtual_packages=[
            rattler.GenericVirtualPackage(
                rattler.PackageName(name), rattler.Version(version), BuildString(build)
            )
            for name, version, build in virtual
        ],
        timeout=datetime.timedelta(seconds=SOLVE_SECONDS),
        channel_priority=ChannelPriority.Strict,
    )


def _as_record(found: Any) -> Record:
    record: Record = json.loads(found.to_json())
    kept = {name: value for name, value in record.items() if name not in _NOT_KEPT}
    return kept | {"url": without_channel_secrets(found.url), "fn": found.file_name}


def record_line(record: Record) -> str:
    """Return a package's line of a lock: name, version, build, and the hash of its archive."""
    name = f"{record['name']}={record['version']}={record['build']}"
    if sha256 := record.get("sha256"):
        return f"{name} sha256:{sha256}"
    return f"{name} md5:{record.get('md5', '')}"
