"""Read what LSF's ``bqueues`` and ``bhosts`` answer.

Which hosts a queue uses is a matter of names and groups; each queue is shown with all hosts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from towline.clusters.facts import Partition


def read_lsf_queues(
    queues: Iterable[str], details: Iterable[str], hosts: Iterable[str]
) -> tuple[Partition, ...]:
    """Return the queues in LSF's order; what is no queue is left out.

    Args:
        queues: lines of ``bqueues -w``.
        details: of ``bqueues -l``, the lines that name a queue, its run limit, or the default one.
        hosts: lines of ``bhosts -w`` without its head.

    """
    limits, default = _details(details)
    states = [columns for line in hosts if len(columns := line.split()) > 3]
    up = [columns for columns in states if re.match(r"ok|closed_(Full|Busy|Excl)", columns[1])]
    slots = [int(columns[3]) for columns in up if columns[3].isdecimal()]
    found = []
    for line in queues:
        columns = line.split()
        if len(columns) < 3 or not re.fullmatch(r"\w+:\w+", columns[2]):
            continue
        found.append(
            Partition(
                name=columns[0],
                default=columns[0] == default,
                state="up" if columns[2] == "Open:Active" else columns[2],
                max_time_minutes=limits.get(columns[0]),
                nodes=len(states),
                nodes_available=len(up),
                cpus_per_node=min(slots, default=0),
            )
        )
    return tuple(found)


def _details(lines: Iterable[str]) -> tuple[dict[str, int], str]:
    limits: dict[str, int] = {}
    default = name = ""
    for line in lines:
        if match := re.match(r"QUEUE:\s*(\S+)", line):
            name = match[1]
        elif "default queue" in line:
            default = default or name
        elif match := re.match(r"RUNLIMIT\s*([0-9]+)(?:\.[0-9]+)? min", line):
            limits[name] = int(match[1])
    return limits, default
