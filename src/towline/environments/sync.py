"""Kind `sync`: the workspace's packages, copied as they are installed."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from towline.environments import activation, fitness, standalone
from towline.environments.archive import archives_folder
from towline.environments.closure import select
from towline.environments.cluster_side import Facts, environments_folder, program
from towline.environments.content import Content, content_of, digest
from towline.environments.environment import Environment
from towline.environments.hashes import HashMemory
from towline.environments.installed import installed_here
from towline.environments.interpreter import choose, this_workspace
from towline.environments.members import Member
from towline.environments.plan import INTERPRETER, PACKAGES, Layer, Plan
from towline.environments.request import EnvironmentRequest

PROBE = "preflight_probe.py"


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
        below.append(_interpreter(standalone.interpreter_key(memory), facts, cluster))
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
    top = _top(environment, content, [layer.name for layer in below], python, bool(before))
    return Plan(environment, (*below, top))


def _top(
    environment: Environment, content: Content, needs: list[str], python: str, site_lines: bool
) -> Layer:
    """Return the environment's own folder, which brings the layers below it together."""
    minor = content.workspace.minor
    root = environment.prefix.rpartition("/")[0]
    packages = f"{root}/{needs[-1]}"
    site = f"{packages}/lib/python{minor}/site-packages"

    def fill(folder: Path) -> list[Member]:
        shutil.copyfile(Path(__file__).with_name(PROBE), folder / PROBE)
        _write_lock(folder, content.lock)
        return content.own

    return Layer(
        name=environment.key,
        archive=f"sync-{content.digest[:20]}",
        fill=fill,
        finish=program(
            "finish_sync",
            interpreter=python,
            minor=minor,
            # Not a plain path: .pth files among the packages must count, too.
            pth=f"import site; site.addsitedir({site!r})",
            needs=" ".join(needs),
            modules=shlex.join(content.unvouched(packages)),
            # A check is remembered for the lines it was made with; the site's own lines are only
            # run by the pre-flight.
            check="" if site_lines else environment.activation_digest,
        ),
    )


def _packages(content: Content, facts: Facts, cluster: str) -> Layer:
    def fill(folder: Path) -> list[Member]:
        _write_lock(folder, {"kind": "packages"})
        return content.shared

    name = f"{PACKAGES}{content.workspace.minor}-{content.shared_digest[:16]}"
    return Layer(
        name=name,
        archive=name,
        fill=fill,
        fits=lambda: fitness.packages_fit(content, facts, cluster),
    )


def _interpreter(name: str, facts: Facts, cluster: str) -> Layer:
    def fill(folder: Path) -> list[Member]:
        _write_lock(folder, {"kind": "interpreter", "version": sys.version})
        return standalone.lay_out(folder)

    return Layer(
        name=f"{INTERPRETER}{name}",
        archive=f"{INTERPRETER}{name}",
        fill=fill,
        fits=lambda: fitness.interpreter_fits(facts, cluster),
        finish='"$1/bin/python" -S -c ""',
    )


def _write_lock(folder: Path, lock: dict[str, Any]) -> None:
    (folder / "lock.json").write_text(json.dumps(lock, indent=1), encoding="utf-8")
