"""Where a container's image comes from, and how it gets to the cluster."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from towline.environments.archive import archive_of
from towline.environments.cluster_side import (
    Connection,
    Facts,
    Report,
    on_cluster,
    program,
)
from towline.environments.container import local_build
from towline.environments.container.definition_file import NAME, DefinitionFile, read_definition
from towline.environments.container.send import BUILD_SECONDS, PATIENCE_SECONDS, send_image
from towline.environments.container_request import ON_WORKSPACE, REGISTRIES, ContainerRequest
from towline.environments.content import digest
from towline.environments.hashes import HashMemory
from towline.environments.layers import write_lock
from towline.environments.members import Member
from towline.environments.plan import IMAGE, Layer, OwnWayLayer
from towline.environments.push import push
from towline.errors import DefinitionError, EnvironmentBuildFailed


@dataclass(frozen=True)
class Image:
    """An image as it will be on the cluster."""

    name: str
    """What it is, for the key of the environments on it."""
    path: str
    """Absolute path on the cluster; an unpacked one lies beside, in ``sandbox``."""
    record: dict[str, Any]
    layers: tuple[Layer | OwnWayLayer, ...] = ()
    """Empty: it is there already, and not ours."""


def image_of(
    wanted: ContainerRequest, facts: Facts, root: str, lines: str, memory: HashMemory
) -> Image:
    """Return the image of a request.

    Args:
        wanted: the request.
        facts: of the cluster.
        root: folder of environments there.
        lines: activation lines, which may bring the runtime.
        memory: hashes of files of the workspace.

    Raises:
        DefinitionError: what it names on the workspace is not there.

    """
    if wanted.definition is not None:
        return _built(wanted, facts, root, lines, memory)
    assert wanted.image is not None, "validated"  # noqa: S101
    if wanted.image.startswith(ON_WORKSPACE):
        return _sent(
            Path(wanted.image.removeprefix(ON_WORKSPACE)), wanted, facts, root, lines, memory
        )
    if wanted.image.startswith(REGISTRIES):
        return _pulled(wanted.image, wanted, facts, root, lines)
    path = on_cluster(wanted.image, facts)
    return Image(path, path, {"path": path})


def runtime_lines(wanted: ContainerRequest, facts: Facts) -> str:
    """Return sh text that sets ``program`` to the runtime on the cluster, or ends in words."""
    runtime = on_cluster(wanted.runtime, facts) if "/" in wanted.runtime else wanted.runtime
    return program("find_runtime", runtime=runtime)


def as_finish(lines: str, text: str) -> str:
    """Return a layer's finish that runs after activation lines, in bash as jobs do."""
    both = shlex.quote(f"{lines}{text}")
    return (
        f"both={both}\n"
        'if command -v bash >/dev/null 2>&1; then exec bash -c "$both" finish "$1" "$2"; fi\n'
        'exec sh -c "$both" finish "$1" "$2"\n'
    )


def _sent(
    path: Path, wanted: ContainerRequest, facts: Facts, root: str, lines: str, memory: HashMemory
) -> Image:
    if not path.is_file():
        raise DefinitionError(
            str(path),
            "the image is not there, or is no file",
            "an image on the cluster is named by a path that begins with / or ~/",
        )
    sha256 = memory.sha256(path)
    name = f"{IMAGE}{sha256[:16]}"
    record = {"kind": "image", "file": path.name, "sha256": sha256}
    take_in = _take_in(wanted, facts, lines)
    start = lines + runtime_lines(wanted, facts)

    def bring(connection: Connection, root: str, cluster: str, report: Report) -> None:
        send_image(name, path, sha256, record, start, take_in, connection, root, cluster, report)

    return Image(name, f"{root}/{name}/image.sif", record, (OwnWayLayer(name, bring),))


def _built(
    wanted: ContainerRequest, facts: Facts, root: str, lines: str, memory: HashMemory
) -> Image:
    definition = read_definition(Path(str(wanted.definition)), memory)
    name = f"{IMAGE}{digest([facts.arch, definition.digest])[:16]}"
    record = {"kind": "image", "definition": definition.path.name, "text": definition.text}
    path = f"{root}/{name}/image.sif"
    runtime = local_build.runtime_here(facts)
    if not runtime:
        return Image(
            name, path, record, (_build_there(name, definition, wanted, facts, lines, record),)
        )
    take_in = _take_in(wanted, facts, lines)
    start = lines + runtime_lines(wanted, facts)

    def bring(connection: Connection, root: str, cluster: str, report: Report) -> None:
        made, sha256 = local_build.from_definition(runtime, definition, name, report)
        whole = record | {"sha256": sha256}
        send_image(name, made, sha256, whole, start, take_in, connection, root, cluster, report)

    return Image(name, path, record, (OwnWayLayer(name, bring),))


def _pulled(uri: str, wanted: ContainerRequest, facts: Facts, root: str, lines: str) -> Image:
    name = f"{IMAGE}{digest([facts.arch, uri])[:16]}"
    record = {"kind": "image", "uri": uri}
    there = Layer(
        name,
        name,
        lambda folder: _only_lock(folder, record),
        finish=_take_in(wanted, facts, lines, source=uri, asked=uri),
        patience=PATIENCE_SECONDS,
    )
    take_in = _take_in(wanted, facts, lines)
    start = lines + runtime_lines(wanted, facts)

    def bring(connection: Connection, root: str, cluster: str, report: Report) -> None:
        runtime, words = local_build.runtime_here(facts), "the workspace has no Apptainer"
        if runtime:
            try:
                made, sha256 = local_build.from_registry(runtime, uri, name, report)
            except EnvironmentBuildFailed as error:
                words = f"nor could the workspace: {error.cause}"
            else:
                whole = record | {"sha256": sha256}
                send_image(
                    name, made, sha256, whole, start, take_in, connection, root, cluster, report
                )
                return
        try:
            push(there, archive_of(there, report), connection, root, cluster, report)
        except EnvironmentBuildFailed as error:
            raise EnvironmentBuildFailed(
                error.thing,
                f"{error.cause} ({words})",
                "pull it where there is internet, and give the file as container_image",
            ) from error

    return Image(name, f"{root}/{name}/image.sif", record, (OwnWayLayer(name, bring),))


def _build_there(
    name: str,
    definition: DefinitionFile,
    wanted: ContainerRequest,
    facts: Facts,
    lines: str,
    record: dict[str, Any],
) -> Layer:
    def fill(folder: Path) -> list[Member]:
        definition.lay_out(folder, links=False)
        return _only_lock(folder, record)

    finish = _take_in(wanted, facts, lines, source=NAME, asked=definition.path.name)
    return Layer(name, name, fill, finish=finish, patience=PATIENCE_SECONDS)


def _take_in(
    wanted: ContainerRequest, facts: Facts, lines: str, *, source: str = "", asked: str = ""
) -> str:
    text = runtime_lines(wanted, facts) + program(
        "finish_image", source=source, asked=asked, limit=str(BUILD_SECONDS)
    )
    return as_finish(lines, text)


def _only_lock(folder: Path, record: dict[str, Any]) -> list[Member]:
    write_lock(folder, record)
    return []
