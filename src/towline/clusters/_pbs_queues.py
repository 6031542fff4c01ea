"""Read what ``qstat -Q -f``, ``pbsnodes -a`` and ``qstat --version`` answer: PBS Pro and Torque.

A queue of theirs is no set of nodes: it may send its jobs anywhere, so each is shown with all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from towline.clusters.facts import Partition

YES = ("True", "yes")
"""The second is the word of Slurm's wrappers."""

AWAY = re.compile(r"down|offline|unknown|stale|provisioning|maintenance")


def read_pbs_queues(
    queues: Iterable[str], nodes: Iterable[str], default: str
) -> tuple[Partition, ...]:
    """Return the queues in the server's order; what is no queue is left out.

    Args:
        queues: lines of ``Queue: name`` and of its attributes.
        nodes: lines of node names and of their attributes.
        default: name of the queue of jobs that name none.

    """
    there = attributes(nodes)
    up = [node for node in there.values() if not AWAY.search(node.get("state", ""))]
    cpus = [number for node in up if (number := _number(node, "resources_available.ncpus", "np"))]
    memory = [_mebibytes(node.get("resources_available.mem", "")) for node in up]
    gpus = max((_number(node, "resources_available.ngpus", "gpus") for node in up), default=0)
    found = []
    for name, facts in attributes(queues, "Queue:").items():
        most = facts.get("resources_max.nodect", "")
        found.append(
            Partition(
                name=name,
                default=name == default,
                state=_state(facts),
                max_time_minutes=_minutes(facts.get("resources_max.walltime", "")),
                max_nodes=int(most) if most.isdecimal() else None,
                nodes=len(there),
                nodes_available=len(up),
                cpus_per_node=min(cpus, default=0),
                mem_mb=min((number for number in memory if number), default=0),
                gres=(f"gpu:{gpus}",) if gpus else (),
            )
        )
    return tuple(found)


def read_pbs_version(line: str) -> tuple[str, str]:
    """Return ``pbs`` or ``torque``, and the version, of what ``qstat --version`` said.

    Nothing and nothing when it said no version: Slurm's wrappers do not.
    """
    match = re.search(r"(\d+(?:\.\d+)+)", line)
    if match is None:
        return "", ""
    return ("pbs" if "pbs_version" in line else "torque"), match[1]


def _state(facts: Mapping[str, str]) -> str:
    if facts.get("enabled", "True") not in YES:
        return "takes no jobs (not enabled)"
    return "up" if facts.get("started", "True") in YES else "starts no jobs (not started)"


def attributes(lines: Iterable[str], mark: str = "") -> dict[str, dict[str, str]]:
    """Return the attributes of each thing; its name stands at the beginning of a line."""
    found: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.partition(" = ")
        if equals and line[:1].isspace():
            current[name.strip()] = value.strip()
        elif line.startswith(mark) and (words := line.removeprefix(mark).split()):
            current = found.setdefault(words[0], {})
    return found


def _minutes(text: str) -> int | None:
    """Return ``HH:MM:SS`` or seconds in whole minutes; None for anything else: no limit."""
    match = re.fullmatch(r"(?:(?:([0-9]+):)?([0-9]+):)?([0-9]+)", text.strip())
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 60 + minutes + seconds // 60


def _number(facts: Mapping[str, str], *names: str) -> int:
    texts = (facts.get(name, "") for name in names)
    return next((int(text) for text in texts if text.isdecimal()), 0)


def _mebibytes(text: str) -> int:
    match = re.fullmatch(r"([0-9]+)(kb|mb|gb|tb)", text)
    factors = {"kb": 1 / 1024, "mb": 1, "gb": 1024, "tb": 1024**2}
    return int(int(match[1]) * factors[match[2]]) if match else 0
