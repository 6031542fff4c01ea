"""What it takes to have a locked spec on a cluster."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from towline.environments import activation, standalone
from towline.environments.archive import archives_folder
from towline.environments.cluster_side import Facts, environments_folder, program
from towline.environments.content import digest
from towline.environments.environment import Environment
from towline.environments.for_script import towline_itself
from towline.environments.hashes import HashMemory
from towline.environments.interpreter import choose, this_workspace
from towline.environments.layers import interpreter_layer, top_layer, write_lock
from towline.environments.members import Member, included
from towline.environments.plan import PACKAGES, Layer, Plan
from towline.environments.request import EnvironmentRequest
from towline.environments.transports import cluster_packages
from towline.environments.uv.locking import Locked, locked_spec
from towline.environments.uv.pylock import Folder, Wheel
from towline.environments.uv.staging import (
    build_and_install,
    install,
    sources_digest,
    staged_members,
)
from towline.environments.uv.target import Target, target_of

LAYOUT = "1"
"""Changes when the same lock is laid out in another way."""

BIN_FOLDER = "bin_folder.py"


def plan_uv(request: EnvironmentRequest, facts: Facts, cluster: str) -> Plan:
    """Return what it takes to have the packages of a spec on the cluster.

    Locked with the first request, from then on the same packages until the spec changes.

    Raises:
        DefinitionError: the spec cannot be used.
        EnvironmentFault: it has no solution there; says which package and why.

    """
    workspace = this_workspace()
    interpreter = choose(request, facts, workspace, cluster)
    target = target_of(workspace, facts, cluster)
    locked = locked_spec(request, target)
    memory = HashMemory(archives_folder() / f"hashes-{digest([str(request.spec)])[:12]}.json")
    root = environments_folder(request.root, facts)
    below: list[Layer] = []
    python = interpreter.path
    if interpreter.sent:
        below.append(interpreter_layer(standalone.interpreter_key(memory), facts, cluster))
        python = f"{root}/{below[0].name}/bin/python{workspace.minor}"
    packages = _packages(locked, target)
    if request.transport in ("proxy", "direct"):
        below.extend(
            cluster_packages(
                packages,
                _wheels(locked),
                way=request.transport,
                arch=target.arch,
                root=root,
                python=python,
            )
        )
    else:
        below.append(packages)
    own = _Own(request, locked, target, memory)
    memory.save()
    key = f"uv-{target.minor}-{digest([below[-1].name, own.digest, python])[:16]}"
    before = activation.site_lines(request.modules, request.init)
    environment = Environment(
        kind="uv",
        key=key,
        prefix=f"{root}/{key}",
        python=f"{root}/{key}/bin/python",
        activation=activation.of_prefix(f"{root}/{key}", before),
    )
    top = top_layer(
        environment,
        archive=f"uv-{target.minor}-{digest([below[-1].name, own.digest])[:20]}",
        fill=own.fill,
        lock=_record(locked, target, key),
        needs=[layer.name for layer in below if not layer.only_for],
        interpreter=python,
        minor=target.minor,
        site_lines=bool(before),
        more=program("finish_bin", packages=f"{root}/{below[-1].name}"),
    )
    return Plan(environment, (*below, top), locked.lock)


def _packages(locked: Locked, target: Target) -> Layer:
    wheels = _wheels(locked)
    asked_for = {canonicalize_name(each.name) for each in locked.spec.requirements}
    lines = [LAYOUT, target.minor, target.arch, *(wheel.line for wheel in wheels)]
    lines += [f"asked for {name}" for name in asked_for]

    def fill(folder: Path) -> list[Member]:
        write_lock(folder, {"kind": "packages"})
        staged = folder.with_name("staged")  # beside it: gone when the archive is made
        install(wheels, target, staged)
        files = staged_members(staged, target.minor)
        return [file for file in files if not _is_false_request(file, asked_for)]

    name = f"{PACKAGES}{target.minor}-{digest(['uv', *lines])[:16]}"
    return Layer(name=name, archive=name, fill=fill)


def _is_false_request(file: Member, asked_for: Collection[str]) -> bool:
    """Return whether a file says that somebody asked for a package that others need.

    An install from a lock marks them all; what `sync` copies depends on it.
    """
    folder, _, name = file.name.rpartition("/")
    package = folder.rpartition("/")[2].partition("-")[0]
    return name == "REQUESTED" and canonicalize_name(package) not in asked_for


def _wheels(locked: Locked) -> list[Wheel]:
    return [package for package in locked.packages if isinstance(package, Wheel)]


class _Own:
    """What lies in the environment's own folder: packages of the user's own, and modules."""

    def __init__(
        self, request: EnvironmentRequest, locked: Locked, target: Target, memory: HashMemory
    ) -> None:
        named = {folder.path: folder for folder in locked.packages if isinstance(folder, Folder)}
        for path in locked.spec.folders:
            named.setdefault(path, Folder(path.name, path))
        self.folders = list(named.values())
        self.target = target
        self.included = list(included(request.include, target.minor, memory))
        if request.for_script:
            self.included += towline_itself(target.minor, memory)
        lines = [LAYOUT, *(f"{file.name} {file.digest}" for file in self.included)]
        for folder in self.folders:
            lines += [f"{folder.name}/{line}" for line in sources_digest(folder, memory)]
        self.digest = digest(lines)

    def fill(self, folder: Path) -> list[Member]:
        """Build what is to be built; return the files."""
        shutil.copyfile(Path(__file__).parent.with_name(BIN_FOLDER), folder / BIN_FOLDER)
        staged = folder.with_name("staged")
        for each in self.folders:
            build_and_install(each, self.target, staged)
        files = list(staged_members(staged, self.target.minor)) if staged.exists() else []
        return [*self.included, *files]


def _record(locked: Locked, target: Target, key: str) -> dict[str, Any]:
    packages: list[dict[str, str]] = []
    for package in locked.packages:
        if isinstance(package, Wheel):
            pin = {"name": package.name, "version": package.version, "sha256": package.sha256}
        else:
            pin = {"name": package.name, "version": "", "source": package.path.name}
        packages.append(pin)
    return {
        "schema": LAYOUT,
        "kind": "uv",
        "content": key,
        "request": locked.lock.request_id,
        "python": target.minor,
        "platform": f"Linux-{target.arch}",
        "packages": packages,
        "built": {"at": int(time.time()), "python": sys.version.split()[0]},
    }
