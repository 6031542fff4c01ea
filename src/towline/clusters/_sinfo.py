"""Read what ``sinfo -e -h -o '%P|%a|%l|%s|%D|%F|%c|%m|%G'`` answers.

The columns mean the same in all Slurm versions: partition (``*``: the default one), availability,
longest walltime, job size, nodes, allocated/idle/other/total, CPUs, MiB, generic resources. With
``-e`` a partition has one line for each kind of node in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from towline.clusters.facts import Partition


def read_partitions(lines: Iterable[str]) -> tuple[Partition, ...]:
    """Return the partitions in the scheduler's order; lines that are no partition are left out."""
    found: dict[str, Partition] = {}
    for line in lines:
        columns = [column.strip() for column in line.split("|")]
        if len(columns) != 9 or not columns[0]:
            continue
        part = _partition(columns)
        seen = found.get(part.name)
        found[part.name] = part if seen is None else _merged(seen, part)
    return tuple(found.values())


def minutes(text: str) -> int | None:
    """Return a Slurm duration (``2-12:00:00``, ``30:00``, ``45``) in whole minutes; None: no limit.

    A bare number is minutes, and ``MM:SS`` has minutes first, as Slurm's manual says.
    """
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", text.strip())
    if match is None:
        return None
    days, first, second, _ = (int(part) if part else 0 for part in match.groups())
    starts_with_hours = match[1] is not None or match[4] is not None
    hours, mins = (first, second) if starts_with_hours else (0, first)
    return days * 1440 + hours * 60 + mins


def _partition(columns: list[str]) -> Partition:
    name, state, longest, job_size, nodes, use, cpus, memory, gres = columns
    busy, idle = ([_number(part) for part in use.split("/")] + [0, 0])[:2]
    return Partition(
        name=name.rstrip("*"),
        default=name.endswith("*"),
        state=state,
        max_time_minutes=minutes(longest),
        max_nodes=_largest(job_size),
        nodes=_number(nodes),
        nodes_available=busy + idle,
        cpus_per_node=_number(cpus),
        mem_mb=_number(memory),
        gres=_gres(gres),
    )


def _merged(one: Partition, other: Partition) -> Partition:
    return one.model_copy(
        update={
            "nodes": one.nodes + other.nodes,
            "nodes_available": one.nodes_available + other.nodes_available,
            "cpus_per_node": min(one.cpus_per_node, other.cpus_per_node),
            "mem_mb": min(one.mem_mb, other.mem_mb),
            "gres": tuple(dict.fromkeys([*one.gres, *other.gres])),
        }
    )


def _number(text: str) -> int:
    match = re.match(r"\d+(?:\.\d+)?", text)
    thousands = 1024 if match and text[match.end() : match.end() + 1] == "K" else 1
    return int(float(match[0]) * thousands) if match else 0


def _largest(job_size: str) -> int | None:
    number = job_size.rpartition("-")[2]
    return int(number) if number.isdigit() else None


def _gres(text: str) -> tuple[str, ...]:
    """Split ``gpu:a100:4(S:0-1),shard:8`` without the sockets and without ``(null)``."""
    without_sockets = re.sub(r"\([^)]*\)", "", text)
    return tuple(item for item in without_sockets.split(",") if item and item != "N/A")
