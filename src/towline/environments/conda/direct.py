"""Transport `direct`: the cluster's own conda makes the environment, from the same exact lock."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from towline.environments.cluster_side import Facts, on_cluster, program
from towline.environments.conda.environment_file import EnvironmentFile
from towline.environments.conda.locking import Locked
from towline.environments.environment import Environment
from towline.environments.layers import PROBE, write_lock
from towline.environments.members import Member
from towline.environments.plan import Layer
from towline.environments.request import EnvironmentRequest
from towline.errors import DefinitionError

LOCK_SECONDS = 3600
"""How long one making of an environment waits for another of the same, and for conda."""

SILENT_SECONDS = 180
"""Without a sign of life for so long, one who makes it on another log-in node is taken for dead.

The sign comes every 5 s; what an NFS client sees of it may be a minute old."""


def direct_layer(
    request: EnvironmentRequest,
    environment: Environment,
    locked: Locked,
    file: EnvironmentFile,
    facts: Facts,
    record: Callable[[], dict[str, Any]],
) -> Layer:
    """Return a folder with the list of exact packages, from which conda there makes the rest.

    Raises:
        DefinitionError: something of it is only in the workspace, or must not be written there.

    """
    _check(request, locked, file)
    tools = getattr(facts, "tools", {})
    known = [tools[name] for name in ("mamba", "conda", "micromamba") if name in tools]
    conda_dir = on_cluster(request.conda_dir, facts)
    candidates = [f"{conda_dir}/bin/{name}" for name in ("mamba", "conda", "micromamba")]

    def fill(folder: Path) -> list[Member]:
        (folder / "explicit.txt").write_text(explicit(locked), encoding="utf-8")
        (folder / "pins.txt").write_text(requirements(locked), encoding="utf-8")
        shutil.copyfile(Path(__file__).parent.with_name(PROBE), folder / PROBE)
        write_lock(folder, record())
        return []

    made = program(
        "make_conda",
        tools="\n".join([*candidates, *known]),
        limit=str(LOCK_SECONDS),
        silent=str(SILENT_SECONDS),
        pip="yes" if locked.pins else "",
    )
    # The scripts of packages, and the lines of the site, are run by the pre-flight.
    tried = program("finish_conda", check="")
    return Layer(
        name=environment.key,
        archive=environment.key,
        fill=fill,
        finish=f"{made}{tried}{program('show_conda')}",
        advice="set env_transport: push, and the workspace makes it",
    )


def explicit(locked: Locked) -> str:
    """Return the list that conda, mamba and micromamba install without solving anything."""
    lines = [f"{r['url']}#{r['md5']}" if r.get("md5") else str(r["url"]) for r in locked.records]
    return "\n".join(["@EXPLICIT", *lines, ""])


def requirements(locked: Locked) -> str:
    """Return the exact packages of the pip section, with the hashes of their files."""
    lines = (
        f"{pin.name}=={pin.version}" + "".join(f" --hash={digest}" for digest in pin.hashes)
        for pin in locked.pins
    )
    return "\n".join([*lines, ""])


def _check(request: EnvironmentRequest, locked: Locked, file: EnvironmentFile) -> None:
    push = "set env_transport: push"
    path = str(file.path)
    if request.include:
        raise DefinitionError(path, "include sends files along, which direct does not do", push)
    for channel in file.channels:
        if channel.has_secrets:
            raise DefinitionError(
                path, f"channel {channel.shown} needs a secret, which is never sent there", push
            )
    if any(pin.local for pin in locked.pins) or file.pip.options:
        raise DefinitionError(
            path, "its pip: section needs what is only in the workspace: folders, or indexes", push
        )
    if locked.pins and not any(record["name"] == "pip" for record in locked.records):
        raise DefinitionError(path, "has a pip: section but not pip", "add pip under dependencies")
