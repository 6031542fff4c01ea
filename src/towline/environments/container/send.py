"""Send an image to a cluster. What arrived before a connection broke is not sent again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from towline.environments.cluster_side import Connection, Report, marked, program
from towline.environments.locate import as_job
from towline.environments.push import Cargo, push_cargo
from towline.errors import EnvironmentBuildFailed

CLAIM_SECONDS = 60

BUILD_SECONDS = 2 * 3600
"""Limit of a build or a pull on a controller."""

PATIENCE_SECONDS = BUILD_SECONDS + 3600
"""Limit of that, and of hashing and unpacking what came of it."""


def send_image(
    name: str,
    image: Path,
    sha256: str,
    record: dict[str, Any],
    start: str,
    finish: str,
    connection: Connection,
    root: str,
    cluster: str,
    report: Report,
) -> None:
    """Bring an image to the cluster and switch its folder in, whole or not at all.

    Args:
        name: of its folder below `root`.
        image: on the workspace.
        sha256: of the image, in hex; what arrives must have it.
        record: what the folder's ``lock.json`` says.
        start: sh text that finds the runtime, after activation lines; run before a byte is sent.
        finish: sh text run in the folder once the image is whole.

    Raises:
        NoSpace, ConnectionDropped, CopyFailed, EnvironmentBuildFailed: as `push`.

    """
    size = image.stat().st_size
    claim = as_job(start, program("claim_image", root=root, name=name))
    answer = marked(connection.run(claim, timeout=CLAIM_SECONDS).stdout)
    if "why" in answer:
        raise EnvironmentBuildFailed(
            f"cluster {cluster}", answer["why"][0], "".join(answer["do"][:1])
        )
    part, have = "".join(answer["part"][:1]), int("".join(answer["have"][:1]) or 0)
    if have > size:  # of another time: the name is the content's
        part, have = "", 0
    cargo = Cargo(
        name=name,
        path=image,
        need_kb=(size - have) // 1024 + 64,
        files=4,
        take=program(
            "take_image", part=part, size=str(size), sha256=sha256, lock=json.dumps(record)
        ),
        finish=finish,
        keep=program("keep_image"),
        offset=have,
        patience=PATIENCE_SECONDS,
    )
    push_cargo(cargo, connection, root, cluster, report)
