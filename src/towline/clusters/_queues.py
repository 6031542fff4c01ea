"""Read what Grid Engine and HTCondor show of their queues, as partitions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from towline.clusters.facts import Partition

POOL = "pool"
"""HTCondor has no queues: its machines are one partition of this name."""

NO_JOBS = frozenset("uEdDsSCco")
"""Letters of a Grid Engine queue's state with which it starts no job; ``a`` is: busy."""


def read_queues(rows: Iterable[str], settings: Iterable[str]) -> tuple[Partition, ...]:
    """Read ``qstat -f`` (a row for each queue and node) and ``qconf -sq '*'``.

    The default partition is that of a site with a single queue; with more, a job that names none
    goes wherever there is room.
    """
    limits = _limits(settings)
    found: dict[str, list[Sequence[str]]] = {name: [] for name in limits}
    for row in rows:
        columns = row.split()
        if len(columns) >= 5 and "@" in columns[0] and columns[2].count("/") == 2:
            found.setdefault(columns[0].partition("@")[0], []).append(columns)
    return tuple(
        _queue(name, instances, limits.get(name), default=len(found) == 1)
        for name, instances in found.items()
    )


def _queue(
    name: str, instances: Sequence[Sequence[str]], limit: int | None, *, default: bool
) -> Partition:
    slots = [int(columns[2].rpartition("/")[2]) for columns in instances]
    states = [columns[5] if len(columns) > 5 else "" for columns in instances]
    able = sum(not NO_JOBS & set(state) for state in states)
    return Partition(
        name=name,
        default=default,
        state="up" if able or not instances else f"state {states[0]}",
        max_time_minutes=limit,
        nodes=len(instances),
        nodes_available=able,
        cpus_per_node=min((count for count in slots if count), default=0),
    )


def _limits(settings: Iterable[str]) -> dict[str, int | None]:
    """Return each queue's ``h_rt`` in minutes, without what single hosts say otherwise."""
    limits: dict[str, int | None] = {}
    name = ""
    for line in settings:
        key, _, value = line.partition(" ")
        if key == "qname":
            name = value.strip()
            limits[name] = None
        elif key == "h_rt" and name:
            limits[name] = _minutes(value.strip().partition(",")[0])
    return limits


def _minutes(text: str) -> int | None:
    if re.fullmatch(r"\d+", text):
        return int(text) // 60
    match = re.fullmatch(r"(\d+):(\d+):(\d+)", text)
    return int(match[1]) * 60 + int(match[2]) if match else None


def read_pool(rows: Iterable[str]) -> tuple[Partition, ...]:
    """Read ``machine, CPUs, MiB, GPUs, state`` of each slot, divided by tabs; one a machine counts.

    A pool without machines is no partition.
    """
    machines: dict[str, list[str]] = {}
    for row in rows:
        columns = row.split("\t")
        if len(columns) >= 5:
            machines.setdefault(columns[0], columns)
    if not machines:
        return ()
    gpus = sorted({columns[3] for columns in machines.values() if columns[3].isdigit()} - {"0"})
    able = [columns for columns in machines.values() if columns[4] not in ("Owner", "Drained")]
    return (
        Partition(
            name=POOL,
            default=True,
            nodes=len(machines),
            nodes_available=len(able),
            cpus_per_node=min(_number(columns[1]) for columns in machines.values()),
            mem_mb=min(_number(columns[2]) for columns in machines.values()),
            gres=tuple(f"gpu:{count}" for count in gpus),
        ),
    )


def _number(text: str) -> int:
    return int(float(text)) if re.fullmatch(r"\d+(\.\d+)?", text) else 0
