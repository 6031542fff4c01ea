"""Kind `sync`: the workspace's packages, copied as they are installed."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from towline.environments import activation, standalone
from towline.environments.archive import archives_folder
from towline.environments.closure import select
from towline.environments.cluster_side import Facts, environments_folder, program
from towline.environments.compatibility import glibc_by_symbols, glibc_by_tags, version_of
from towline.environments.content import Content, Package, content_of, digest
from towline.environments.environment import Environment
from towline.environments.hashes import HashMemory
from towline.environments.installed import installed_here
from towline.environments.interpreter import choose, this_workspace
from towline.environments.plan import Layer, Plan
from towline.environments.request import EnvironmentRequest
from towline.errors import EnvironmentMismatch, InterpreterMissing


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
    memory = HashMemory(archives_folder() / f"hashes-{digest([sys.prefix])[:12]}.json")
    chosen = select(installed_here(), request.packages, request.exclude)
    content = content_of(chosen, workspace, memory)
    root = environments_folder(request.root, facts)
    layers: list[Layer] = []
    path = interpreter.path
    if interpreter.sent:
        layers.append(_interpreter(standalone.interpreter_key(memory), facts, cluster))
        path = f"{root}/{layers[0].name}/bin/python{workspace.minor}"
    memory.save()
    key = f"sync-{workspace.minor}-{digest([content.digest, path])[:16]}"
    before = activation.site_lines(request.modules, request.init)
    environment = Environment(
        kind="sync",
        key=key,
        prefix=f"{root}/{key}",
        python=f"{root}/{key}/bin/python",
        activation=activation.of_prefix(f"{root}/{key}", before),
    )
    # A check is remembered for the lines it was made with; the site's lines run in the pre-flight.
    check = "" if before else environment.activation_digest
    layers.append(
        Layer(
            name=key,
            archive=f"sync-{content.digest[:20]}",
            fill=content.fill,
            fits=lambda: _packages_fit(content, facts, cluster),
            finish=program(
                "finish_sync",
                interpreter=path,
                minor=workspace.minor,
                check=check,
                modules=shlex.join(content.unvouched),
            ),
            needs=tuple(layer.name for layer in layers),
        )
    )
    return Plan(environment, tuple(layers), content.lock)


def _interpreter(name: str, facts: Facts, cluster: str) -> Layer:
    def fill(folder: Path) -> None:
        standalone.lay_out(folder)
        (folder / "lock.json").write_text('{"kind": "interpreter"}', encoding="utf-8")

    def fits() -> None:
        needed = standalone.glibc_needed()
        if needed > version_of(facts.glibc or "0"):
            raise InterpreterMissing(
                f"cluster {cluster}",
                f"has no Python of the script's minor version, and the workspace's own needs glibc "
                f"{needed[0]}.{needed[1]}, but the cluster has {facts.glibc}",
                "install one there and give its path as python: /path/to/python",
            )

    return Layer(name=name, archive=name, fill=fill, fits=fits, finish='"$1/bin/python" -S -c ""')


def _packages_fit(content: Content, facts: Facts, cluster: str) -> None:
    for package in content.packages:
        if package.compiled:
            _package_fits(package, content, facts, cluster)


def _package_fits(package: Package, content: Content, facts: Facts, cluster: str) -> None:
    """Raise EnvironmentMismatch when a compiled package cannot run on the cluster."""
    workspace, name = content.workspace, f"{package.installed.name} {package.installed.version}"
    ours, theirs = (f"{side.system} {side.arch}" for side in (workspace, facts))
    if ours != theirs:
        raise EnvironmentMismatch(
            f"cluster {cluster}",
            f"{name} is compiled for {ours}, but the cluster is {theirs}",
            "use an environment that is there already: kind existing",
        )
    needed = glibc_by_tags(package.installed.wheel_tags) or glibc_by_symbols(package.compiled)
    if needed > version_of(facts.glibc or "0"):
        has = f"glibc {facts.glibc}" if facts.glibc else "a C library other than glibc"
        raise EnvironmentMismatch(
            f"cluster {cluster}",
            f"{name} needs glibc {needed[0]}.{needed[1]} or newer, but the cluster has {has}",
            f"install an older build of {package.installed.name} in the workspace, leave it out "
            "(exclude), or use an environment that is there already (kind existing)",
        )
