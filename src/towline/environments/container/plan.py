"""Plan a container: the image, the script's Parsl laid over it, the way workers start in it."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from towline.environments import activation
from towline.environments.archive import archives_folder
from towline.environments.closure import select
from towline.environments.cluster_side import Facts, environments_folder, on_cluster, program
from towline.environments.container.image import Image, as_finish, image_of, runtime_lines
from towline.environments.container_request import ContainerRequest
from towline.environments.content import Content, content_of, digest
from towline.environments.environment import Environment
from towline.environments.hashes import HashMemory
from towline.environments.installed import installed_here
from towline.environments.interpreter import Workspace, this_workspace
from towline.environments.layers import PROBE, write_lock
from towline.environments.members import Member
from towline.environments.plan import PACKAGES, Layer, Plan
from towline.environments.request import OWN_INTERPRETER, EnvironmentRequest
from towline.errors import DefinitionError, EnvironmentMismatch

LAYOUT = "1"
"""Changes when the same image is started, or tried out, in another way."""


def plan_container(request: EnvironmentRequest, facts: Facts, cluster: str) -> Plan:
    """Return what it takes to start workers in an image.

    The environment's ``python`` is a short sh program that starts the image's Python; whoever runs
    it, worker, node check or pre-flight, goes the same way.

    Raises:
        DefinitionError: the image or its definition file is not there in the workspace.
        EnvironmentMismatch: another Python minor is asked for than the script runs on.

    """
    wanted = request.container
    assert wanted is not None, "validated"  # noqa: S101
    workspace = this_workspace()
    _check_python(request, workspace, cluster)
    memory = HashMemory(archives_folder() / f"hashes-{digest([sys.prefix])[:12]}.json")
    chosen = select(installed_here(), request.packages or (), request.exclude)
    content = content_of(chosen, workspace, memory, request.include)
    root = environments_folder(request.root, facts)
    before = activation.site_lines(request.modules, request.init)
    lines = f"{before}\n" if before else ":\n"
    image = image_of(wanted, facts, root, lines, memory)
    memory.save()
    packages = _packages(content, facts, cluster)
    starter = _starter(wanted, facts, image, f"{root}/{packages.name}", workspace.minor)
    asked = [LAYOUT, content.digest, starter, image.name, repr(request.python)]
    key = f"container-{workspace.minor}-{digest(asked)[:16]}"
    prefix = f"{root}/{key}"
    environment = Environment("container", key, prefix, f"{prefix}/bin/python", lines)
    below = (*image.layers, packages)  # the image first: it is what may be wrong

    def fill(folder: Path) -> list[Member]:
        (folder / "bin").mkdir()
        python = folder / "bin/python"
        python.write_text(starter, encoding="utf-8")
        python.chmod(0o755)
        shutil.copyfile(Path(__file__).parent.with_name(PROBE), folder / PROBE)
        write_lock(folder, _record(content, image, key))
        return content.own

    sources = [on_cluster(bind.partition(":")[0], facts) for bind in wanted.binds]
    finish = runtime_lines(wanted, facts) + program(
        "finish_container",
        minor=workspace.minor,
        candidates=shlex.join(_candidates(request, workspace.minor)),
        sources=shlex.join(sources),
        needs=" ".join(layer.name for layer in below),
        # An image that is not ours may change under its name, as may what modules bring.
        check="" if before or not image.layers else environment.activation_digest,
    )
    top = Layer(key, key, fill, finish=as_finish(lines, finish))
    return Plan(environment, (*below, top))


def _check_python(request: EnvironmentRequest, workspace: Workspace, cluster: str) -> None:
    if request.python == OWN_INTERPRETER:
        raise DefinitionError(
            f"cluster {cluster}",
            "python: workspace sends an interpreter along, but an image has its own",
            "leave python out, or name the Python in the image by its path there",
        )
    if request.python_minor not in (None, workspace.minor):
        raise EnvironmentMismatch(
            f"cluster {cluster}",
            f"python {request.python_minor} is asked for, but the script runs on "
            f"{workspace.version}, and functions cannot cross minor versions",
            f"use an image with Python {workspace.minor}",
        )


def _candidates(request: EnvironmentRequest, minor: str) -> list[str]:
    """Return the names under which the image's Python is looked for, in turn."""
    return [request.python_path] if request.python_path else ["python3", "python", f"python{minor}"]


def _starter(
    wanted: ContainerRequest, facts: Facts, image: Image, packages: str, minor: str
) -> str:
    binds = []
    for bind in wanted.binds:
        source, colon, inside = bind.partition(":")
        binds.append(f"{on_cluster(source, facts)}{colon}{inside}")
    runtime = wanted.runtime
    return "#!/bin/sh\n" + program(
        "container_python",
        runtime=on_cluster(runtime, facts) if "/" in runtime else runtime,
        image=image.path,
        gpu="" if wanted.gpu == "none" else f"--{wanted.gpu}",
        binds=shlex.join(binds),
        options=shlex.join(wanted.options),
        packages=f"{packages}/lib/python{minor}/site-packages",
        minor=minor,
    )


def _packages(content: Content, facts: Facts, cluster: str) -> Layer:
    """Return the layer that is laid over the image: the script's Parsl and what it needs.

    Whether its compiled modules go with the image's C library shows when they are imported.
    """

    def fill(folder: Path) -> list[Member]:
        write_lock(folder, {"kind": "packages"})
        return content.shared

    def fits() -> None:
        ours, theirs = (f"{side.system} {side.arch}" for side in (content.workspace, facts))
        if ours != theirs:
            raise EnvironmentMismatch(
                f"cluster {cluster}",
                f"the script's Parsl is compiled for {ours}, but the cluster is {theirs}",
                "start the script on a machine like the cluster, or use kind existing",
            )

    name = f"{PACKAGES}{content.workspace.minor}-{content.shared_digest[:16]}"
    return Layer(name=name, archive=name, fill=fill, fits=fits)


def _record(content: Content, image: Image, key: str) -> dict[str, Any]:
    return content.lock | {"kind": "container", "content": key, "image": image.record}
