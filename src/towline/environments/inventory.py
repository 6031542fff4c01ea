"""What environments a cluster holds, and which of them can go."""

from __future__ import annotations

import json
import posixpath
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from towline.environments.cluster_side import (
    Connection,
    Facts,
    environments_folder,
    marked,
    on_cluster,
    program,
)
from towline.environments.plan import SHARED
from towline.errors import EnvironmentFault, ReachError

LIST_SECONDS = 300
"""Limit of a listing: sizes are counted file by file, which takes long on some file systems."""

LAYER_GRACE_DAYS = 1.0
"""A young layer may be waiting for its first environment, still on the way."""


@dataclass(frozen=True)
class Held:
    """A folder of ours on a cluster: an environment, or a layer that environments stand on."""

    name: str
    last_used: int
    """Unix seconds; 0 when not known."""
    size_kb: int | None
    """KiB on disk; None: not counted."""
    needs: tuple[str, ...]
    """Names of the layers that it stands on."""
    used_by: tuple[str, ...]
    """Tags of runs that use it."""
    kind: str = ""
    """What made it; of a layer, what it is."""
    request: str = ""
    """Id of the request whose lock it was made from."""

    @property
    def is_shared(self) -> bool:
        """Return whether it is a layer that environments stand on."""
        return self.name.startswith(SHARED)


def list_environments(
    connection: Connection, facts: Facts, *, root: str | None = None, sizes: bool = True
) -> list[Held]:
    """Return what is whole in a cluster's folder of environments, the last used first.

    Raises:
        ReachError: the connection failed, or the answer broke off.

    """
    script = program(
        "list",
        root=environments_folder(root, facts),
        runs=runs_folder(facts),
        sizes="yes" if sizes else "no",
    )
    answer = marked(connection.run(script, timeout=LIST_SECONDS).stdout)
    if "end" not in answer:
        raise ReachError("environments", "the list broke off", "try again")
    held = [_read(line) for line in answer["folder"]]
    return sorted(held, key=lambda item: (-item.last_used, item.name))


def to_delete(held: Iterable[Held], *, older_than_days: float, now: float) -> list[Held]:
    """Return what can go: used by no run, and for so many days by nobody at all.

    Shared layers go with the last environment that stands on them.
    """
    everything = list(held)

    def idle(item: Held, days: float) -> bool:
        return not item.used_by and now - item.last_used >= days * 86400

    going = [item for item in everything if not item.is_shared and idle(item, older_than_days)]
    needed = {name for item in everything if item not in going for name in item.needs}
    days = max(older_than_days, LAYER_GRACE_DAYS)
    return going + [
        item
        for item in everything
        if item.is_shared and item.name not in needed and idle(item, days)
    ]


def delete(connection: Connection, facts: Facts, item: Held, *, root: str | None = None) -> bool:
    """Delete one environment; return False when somebody began to use it, or it will not go."""
    script = program(
        "delete",
        root=environments_folder(root, facts),
        name=item.name,
        runs=runs_folder(facts),
        last_used=str(item.last_used),
    )
    return "deleted" in marked(connection.run(script, timeout=LIST_SECONDS).stdout)


def lock_record(
    connection: Connection, facts: Facts, name: str, *, root: str | None = None
) -> dict[str, Any]:
    """Return the record of what an environment on the cluster is made of.

    Raises:
        EnvironmentFault: there is no such environment, or its record cannot be read.

    """
    path = posixpath.join(environments_folder(root, facts), name, "lock.json")
    answer = connection.run(f"cat {shlex.quote(path)} | sed 's/^/@@lock=/'\n", timeout=30)
    try:
        record = json.loads("\n".join(marked(answer.stdout)["lock"]))
    except ValueError:
        raise EnvironmentFault(
            f"environment {name}", "is not on the cluster", "towline env list CLUSTER"
        ) from None
    return dict(record)


def _read(line: str) -> Held:
    name, used, size, needs, tags, kind, request, *_ = [*line.split("|"), "", ""]
    return Held(
        name=name,
        last_used=int(used) if used.isdigit() else 0,
        size_kb=int(size) if size.isdigit() else None,
        needs=tuple(needs.split()),
        used_by=tuple(tag for tag in tags.split(",") if tag),
        kind=kind,
        request=request,
    )


def runs_folder(facts: Facts) -> str:
    """Return the cluster's folder of run folders: what a run's mark is worth is seen there."""
    towline_folder: str = getattr(facts, "root", "") or on_cluster("~/.towline", facts)
    return f"{towline_folder}/runs"
