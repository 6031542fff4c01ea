"""What it takes to have the environment of an environment.yml on a cluster."""

from __future__ import annotations

import getpass
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from towline.environments import activation
from towline.environments.archive import archives_folder
from towline.environments.cluster_side import (
    Facts,
    Report,
    environments_folder,
    on_cluster,
    program,
    silent,
)
from towline.environments.conda.building import build
from towline.environments.conda.direct import direct_layer
from towline.environments.conda.environment_file import EnvironmentFile, read_environment_file
from towline.environments.conda.locking import Locked, Target, locked
from towline.environments.conda.needs import wanted
from towline.environments.conda.pip_install import local_digests, pip_platform
from towline.environments.conda.pip_section import PipSection
from towline.environments.conda.platforms import subdir_of, virtual_packages
from towline.environments.conda.rattler import demand_library
from towline.environments.content import digest
from towline.environments.environment import Environment
from towline.environments.for_script import towline_itself
from towline.environments.hashes import HashMemory
from towline.environments.interpreter import Workspace, this_workspace
from towline.environments.layers import PROBE, write_lock
from towline.environments.members import Member, included
from towline.environments.plan import Layer, Plan
from towline.environments.request import EnvironmentRequest
from towline.errors import EnvironmentMismatch

LAYOUT = "1"
"""Changes when the same lock is laid out in another way."""


def plan_conda(
    request: EnvironmentRequest, facts: Facts, cluster: str, report: Report = silent
) -> Plan:
    """Return what it takes to have the environment of an environment.yml on the cluster.

    Solved for the cluster's platform with the first request; from then on the same packages, until
    the file, the cluster's facts or the script's Parsl change.

    Raises:
        DefinitionError: the file cannot be used.
        EnvironmentMismatch: it pins another Python or Parsl than the script has.
        EnvironmentBuildFailed: it has no solution there, in the solver's words.

    """
    demand_library()
    workspace = this_workspace()
    _check_python(request, workspace, cluster)
    file = read_environment_file(Path(str(request.spec)))
    _say(file, report)
    asked = wanted(
        file,
        python=workspace.version,
        parsl=version("parsl"),
        policy=request.parsl,
        cluster=cluster,
        for_script=request.for_script,
    )
    target = _target(request, asked.pip, file.path, facts, workspace, cluster)
    memory = HashMemory(archives_folder() / f"hashes-{digest([str(file.path)])[:12]}.json")
    local = sorted(local_digests(asked.pip, memory))
    own = list(included(request.include, workspace.minor, memory))
    if request.for_script:
        own += towline_itself(workspace.minor, memory)
    memory.save()
    found = locked(file, asked, target, local, request.update, report)
    root = environments_folder(request.root, facts)
    content = [f"{member.name} {member.digest}" for member in own]
    how = "direct" if request.transport == "direct" else "push"
    lines = [LAYOUT, target.subdir, root, how, *found.lock.lines, *local, *content]
    key = digest(lines)
    environment = _environment(request, file, f"conda-{workspace.minor}-{key[:16]}", root)
    # The pip section of the whole: what the script needs is in it.
    made = _Made(environment, found, replace(file, pip=asked.pip), target, tuple(own), report)
    if how == "direct":
        layer = direct_layer(request, environment, found, file, facts, made.record)
    else:
        layer = _pushed(made, facts, cluster, bool(request.modules or request.init))
    return Plan(environment, (layer,), found.lock, _afterwards(request, environment, facts, root))


@dataclass(frozen=True)
class _Made:
    """An environment and all that it is made from."""

    environment: Environment
    locked: Locked
    file: EnvironmentFile
    target: Target
    own: tuple[Member, ...]
    report: Report

    def fill(self, folder: Path) -> Iterator[Member]:
        prefix, key = self.environment.prefix, self.environment.key
        build(folder, self.locked, self.file, self.target, prefix, self.report, key)
        shutil.copyfile(Path(__file__).parent.with_name(PROBE), folder / PROBE)
        write_lock(folder, self.record())
        return iter(self.own)

    def record(self) -> dict[str, Any]:
        """Return the record of what exactly it is made of, when, and by whom."""
        packages = [
            {"name": r["name"], "version": r["version"], "sha256": r.get("sha256", "")}
            | {"source": r["url"].rsplit("/", 1)[0]}
            for r in self.locked.records
        ]
        packages += [
            {"name": pin.name, "version": pin.version, "source": Path(pin.local).name or "pip"}
            for pin in self.locked.pins
        ]
        return {
            "schema": LAYOUT,
            "kind": "conda",
            "content": self.environment.key,
            "request": self.locked.lock.request_id,
            "python": self.environment.key.split("-")[1],
            "platform": self.target.subdir,
            "packages": sorted(packages, key=lambda package: str(package["name"])),
            "built": {
                "at": int(time.time()),
                "by": _user(),
                "on": platform.node(),
                "python": sys.version.split()[0],
            },
        }


def _pushed(made: _Made, facts: Facts, cluster: str, site_lines: bool) -> Layer:
    check = "" if site_lines else made.environment.activation_digest
    return Layer(
        name=made.environment.key,
        archive=made.environment.key,
        fill=made.fill,
        fits=lambda: _can_be_started(facts, cluster),
        finish=program("finish_conda", check=check),
        advice="compare what the cluster has (towline cluster check) with the file's packages",
    )


def _environment(
    request: EnvironmentRequest, file: EnvironmentFile, key: str, root: str
) -> Environment:
    prefix = f"{root}/{key}"
    before = activation.site_lines(request.modules, request.init)
    lines = activation.of_conda_folder(prefix, file.variables, before)
    return Environment("conda", key, prefix, f"{prefix}/bin/python", lines)


def _target(
    request: EnvironmentRequest,
    pip: PipSection,
    file: Path,
    facts: Facts,
    workspace: Workspace,
    cluster: str,
) -> Target:
    subdir = subdir_of(facts, cluster)
    try:
        wheels_for = pip_platform(facts, workspace, file, cluster)
    except Exception:
        if pip.lines:
            raise
        wheels_for = ""
    virtual = virtual_packages(facts, request.virtual_packages)
    return Target(subdir, virtual, wheels_for, version("parsl"))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have a number only
        return str(os.getuid())


def _check_python(request: EnvironmentRequest, workspace: Workspace, cluster: str) -> None:
    if request.python_minor not in (None, workspace.minor):
        raise EnvironmentMismatch(
            f"cluster {cluster}",
            f"python {request.python_minor} is asked for, but the script runs on "
            f"{workspace.version}, and functions cannot cross minor versions",
            f"leave python out, or start the script with Python {request.python_minor}",
        )


def _can_be_started(facts: Facts, cluster: str) -> None:
    if getattr(facts, "noexec", False):
        raise EnvironmentMismatch(
            f"cluster {cluster}",
            "programs cannot be started from the file system of its environments (noexec)",
            "set env_root to a folder on another file system",
        )


def _say(file: EnvironmentFile, report: Report) -> None:
    for channel in file.channels:
        if channel.is_defaults:
            text = (
                f"{file.path} uses Anaconda's channel {channel.shown}, whose terms ask larger "
                "organisations to pay; conda-forge has the same packages"
            )
            report("warning", text=text)
    if not file.channels_given:
        report("note", text=f"{file.path} names no channels: conda-forge is taken")


def _afterwards(
    request: EnvironmentRequest, environment: Environment, facts: Facts, root: str
) -> str:
    """Return the program that gives the environment the name that the user knows it by."""
    if not request.conda_env:
        return ""
    if request.conda_env.startswith(("/", "~/")):
        link = on_cluster(request.conda_env, facts)
    else:
        link = f"{on_cluster(request.conda_dir, facts)}/envs/{request.conda_env}"
    return program("name_conda", link=link, prefix=environment.prefix, root=root)
