"""Kind `sync`: the workspace's packages, copied as they are installed."""

from __future__ import annotations

import getpass
import hashlib
import json
import platform
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from towline.environments import activation, standalone
from towline.environments.archive import archives_folder
from towline.environments.cluster_side import Facts, environments_folder, program
from towline.environments.closure import select
from towline.environments.compatibility import (
    glibc_by_symbols,
    glibc_by_tags,
    is_compiled,
    version_of,
)
from towline.environments.environment import Environment
from towline.environments.hashes import HashMemory
from towline.environments.installed import Installed, installed_here
from towline.environments.interpreter import Workspace, choose, this_workspace
from towline.environments.members import Member, members
from towline.environments.plan import Layer, Plan
from towline.environments.request import EnvironmentRequest
from towline.errors import EnvironmentMismatch, InterpreterMissing

SCHEMA = "1"
"""Changes when the same packages are laid out in another way."""


def plan_sync(request: EnvironmentRequest, facts: Facts, cluster: str) -> Plan:
    """Return what it takes to have a copy of the workspace's packages on the cluster.

    Raises:
        DefinitionError: a package that is named is not installed in the workspace.
        EnvironmentMismatch: another Python minor is asked for than the script runs on.
        InterpreterMissing: there is none of this minor, and our own cannot run there.
        EnvironmentBuildFailed: an editable install hides where its code is.

    """
    workspace = this_workspace()
    interpreter = choose(request, facts, workspace, cluster)
    memory = HashMemory(archives_folder() / f"hashes-{_short([str(Path(standalone.__file__))])}.json")
    content = _content(request, workspace, memory)
    root = environments_folder(request.root, facts)
    layers: list[Layer] = []
    path = interpreter.path
    if interpreter.sent:
        layers.append(_interpreter_layer(standalone.interpreter_key(memory), facts, cluster))
        path = f"{root}/{layers[0].name}/bin/python{workspace.minor}"
    memory.save()
    key = f"sync-{workspace.minor}-{_short([content.digest, path])}"
    prefix = f"{root}/{key}"
    before = activation.site_lines(request.modules, request.init)
    environment = Environment(
        kind="sync",
        key=key,
        prefix=prefix,
        python=f"{prefix}/bin/python",
        activation=activation.of_prefix(prefix, before),
    )
    # What is remembered with modules loaded must have been tried with them: the pre-flight does that.
    check = "" if before else environment.activation_digest
    layers.append(
        Layer(
            name=key,
            archive=f"sync-{content.digest[:16]}",
            fill=content.fill,
            finish=program("finish_sync", interpreter=path, minor=workspace.minor, check=check),
            needs=tuple(layer.name for layer in layers),
            fits=lambda: content.must_fit(workspace, facts, cluster),
        )
    )
    return Plan(environment, tuple(layers), content.lock)


class _Content:
    """The files of the chosen packages."""

    def __init__(self, packages: dict[str, tuple[Installed, list[Member]]], lock: dict[str, Any]):
        self.packages = packages
        self.lock = lock
        self.digest = _digest([SCHEMA, lock["python"], lock["platform"], *map(_line, lock["packages"])])

    def fill(self, folder: Path) -> None:
        """Write all files, byte-code that is there already, the lock and the probe."""
        made: set[str] = set()
        for _, files in self.packages.values():
            for member in files:
                target = folder / member.name
                if str(target.parent) not in made:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    made.add(str(target.parent))
                _write(member, target)
        shutil.copyfile(Path(__file__).with_name("preflight_probe.py"), folder / "preflight_probe.py")
        (folder / "lock.json").write_text(json.dumps(self.lock, indent=1), encoding="utf-8")

    def must_fit(self, workspace: Workspace, facts: Facts, cluster: str) -> None:
        """Raise EnvironmentMismatch when a compiled package cannot run on the cluster."""
        for package, files in self.packages.values():
            compiled = [file.source for file in files if file.source and is_compiled(file.name)]
            if compiled:
                _must_fit(package, compiled, workspace, facts, cluster)


def _content(request: EnvironmentRequest, workspace: Workspace, memory: HashMemory) -> _Content:
    chosen = select(installed_here(), request.packages, request.exclude)
    packages = {package.name: (package, members(package, workspace.minor, memory)) for package in chosen}
    lock = {
        "schema": SCHEMA,
        "kind": "sync",
        "python": workspace.minor,
        "platform": f"{workspace.system}-{workspace.arch}",
        "packages": [_pin(package, files) for package, files in packages.values()],
        "built_on": {"python": workspace.version, "glibc": workspace.glibc, "host": platform.node()},
        "built_by": getpass.getuser(),
        "built_at": int(time.time()),
    }
    return _Content(packages, lock)


def _pin(package: Installed, files: Iterable[Member]) -> dict[str, str]:
    pin = {
        "name": package.name,
        "version": package.version,
        "sha256": _digest(f"{file.name} {file.digest}" for file in files if file.digest),
    }
    if package.editable_folder is not None:
        pin["editable"] = str(package.editable_folder)
    elif package.source_url:
        pin["source"] = package.source_url
    return pin


def _line(pin: dict[str, str]) -> str:
    return f"{pin['name']}=={pin['version']} {pin['sha256']}"


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _short(parts: Iterable[str]) -> str:
    return _digest(parts)[:16]
