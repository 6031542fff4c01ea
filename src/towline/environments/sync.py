"""Kind `sync`: the workspace's packages, copied as they are installed."""

from __future__ import annotations

import sys
from pathlib import Path

from towline.environments import activation, fitness, standalone
from towline.environments.archive import archives_folder
from towline.environments.closure import select
from towline.environments.cluster_side import Facts, environments_folder
from towline.environments.content import Content, content_of, digest
from towline.environments.environment import Environment
from towline.environments.hashes import HashMemory
from towline.environments.installed import installed_here
from towline.environments.interpreter import choose, this_workspace
from towline.environments.layers import interpreter_layer, top_layer, write_lock
from towline.environments.locks import Lock, now, request_id, store_if_new
from towline.environments.members import Member
from towline.environments.plan import PACKAGES, Layer, Plan
from towline.environments.request import EnvironmentRequest


def plan_sync(request: EnvironmentRequest, facts: Facts, cluster: str) -> Plan:
    """Return what it takes to have a copy of the workspace's packages on the cluster.

    Raises:
        DefinitionError: what is named is not there in the workspace.
        EnvironmentMismatch: another Python minor is asked for than the script runs on.
        InterpreterMissing: there is none of this minor, and our own cannot run there.
        EnvironmentBuildFailed: an editable install hides where its code is.

    """
    workspace = this_workspace()
    interpreter = choose(request, facts, workspace, cluster)
    memory = HashMemory(archives_folder() / f"hashes-{digest([sys.prefix])[:12]}.json")
    chosen = select(installed_here(), request.packages, request.exclude)
    content = content_of(chosen, workspace, memory, request.include)
    root = environments_folder(request.root, facts)
    below: list[Layer] = []
    python = interpreter.path
    if interpreter.sent:
        below.append(interpreter_layer(standalone.interpreter_key(memory), facts, cluster))
        python = f"{root}/{below[0].name}/bin/python{workspace.minor}"
    below.append(_packages(content, facts, cluster))
    memory.save()
    key = f"sync-{workspace.minor}-{digest([content.digest, python])[:16]}"
    before = activation.site_lines(request.modules, request.init)
    environment = Environment(
        kind="sync",
        key=key,
        prefix=f"{root}/{key}",
        python=f"{root}/{key}/bin/python",
        activation=activation.of_prefix(f"{root}/{key}", before),
    )
    lock = _lock(request, content)
    store_if_new(lock)
    top = top_layer(
        environment,
        archive=f"sync-{content.digest[:20]}",
        fill=lambda folder: content.own,
        lock=content.lock | {"request": lock.request_id},
        needs=[layer.name for layer in below],
        interpreter=python,
        minor=workspace.minor,
        site_lines=bool(before),
        unvouched=content.unvouched(f"{root}/{below[-1].name}"),
    )
    return Plan(environment, (*below, top), lock)


def _lock(request: EnvironmentRequest, content: Content) -> Lock:
    """Return what the workspace comes to now; its id says only what was asked."""
    asked = [sys.prefix, repr(request.packages), repr(request.exclude), repr(request.include)]
    lines = [
        f"{pin['name']}=={pin['version']} sha256:{pin['sha256']}"
        for pin in content.lock["packages"]
    ]
    return Lock("sync", request_id("sync", asked), tuple(sorted(lines)), now(), ())


def _packages(content: Content, facts: Facts, cluster: str) -> Layer:
    def fill(folder: Path) -> list[Member]:
        write_lock(folder, {"kind": "packages"})
        return content.shared

    name = f"{PACKAGES}{content.workspace.minor}-{content.shared_digest[:16]}"
    return Layer(
        name=name,
        archive=name,
        fill=fill,
        fits=lambda: fitness.packages_fit(content, facts, cluster),
    )
