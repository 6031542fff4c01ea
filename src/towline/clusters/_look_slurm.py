"""Read what ``sinfo`` and ``squeue`` answer to a look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from towline.clusters._marked import Answer, first
from towline.clusters._sinfo import read_partitions
from towline.clusters.observation import Job, PartitionNow, Queue, run_of
from towline.clusters.probe import NO_ANSWER

AWAY = frozenset("~#%*$@^-")
"""Marks behind a node's state: powered down, coming up, going down, silent, … (sinfo(1))."""

COMING = "#"

WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"})
RUNNING = frozenset({"RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "STOPPED", "STAGE_OUT"})


def read_slurm(answer: Answer) -> dict[str, Any]:
    """Return the part of an `Observation` that Slurm answers for."""
    seen: dict[str, Any] = {"unknown": {}}
    if why := not_observed(answer, "sinfo"):
        seen["unknown"] |= dict.fromkeys(("partitions", "nodes_by_state", "queue", "jobs"), why)
        return seen
    seen["partitions"] = read_partitions_now(answer["sinfo"])
    if why := not_observed(answer, "nodes"):
        seen["unknown"]["nodes_by_state"] = why
    else:
        nodes = _count(line.split("|") for line in answer["nodes"])
        seen["nodes_by_state"] = dict(nodes)
        seen["registered_workers"] = sum(n for state, n in nodes.items() if answers(state))
        coming = sum(n for state, n in nodes.items() if state.endswith(COMING))
        seen["requested_workers"] = seen["registered_workers"] + coming
    if why := not_observed(answer, "squeue"):
        seen["unknown"] |= {"queue": why, "jobs": why}
    else:
        seen |= _read_jobs(answer["squeue"])
    return seen


def not_observed(answer: Answer, name: str) -> str:
    """Return why a command gave no answer; empty when it did."""
    code = first(answer, f"!{name}")
    if code == "0":
        return ""
    if not code:
        return "not asked"
    if code.isdigit() and int(code) in NO_ANSWER:
        return "no answer in time"
    return (answer[name] or [f"exit code {code}"])[-1].strip()


def answers(state: str) -> bool:
    """Say whether a node in this state (``idle``, ``mixed#``, ``down*``) answers Slurm."""
    return state[-1:] not in AWAY and not state.startswith(("down", "unknown", "future", "power"))


def read_partitions_now(lines: Iterable[str]) -> tuple[PartitionNow, ...]:
    """Read ``sinfo -e`` with the nodes' state in a tenth column."""
    rows = [line.rsplit("|", 1) for line in lines if line.count("|") == 9]
    states: dict[str, Counter[str]] = {}
    for head, state in rows:
        columns = head.split("|")
        name = columns[0].strip().rstrip("*")
        states.setdefault(name, Counter())[state.strip()] += _number(columns[4])
    return tuple(
        PartitionNow(**part.model_dump(), nodes_by_state=dict(states.get(part.name, {})))
        for part in read_partitions(head for head, _ in rows)
    )


def _read_jobs(lines: Iterable[str]) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    jobs = []
    for line in lines:
        if line.startswith("+|"):
            _, state, count = line.split("|", 2)
            counts[state] += _number(count)
        elif line.count("|") >= 6:
            _, job_id, partition, state, nodes, reason, name = line.split("|", 6)
            jobs.append(
                Job(
                    id=job_id,
                    name=name,
                    state=state,
                    partition=partition,
                    nodes=_number(nodes),
                    run=run_of(name),
                    reason="" if reason == "None" else reason,
                )
            )
    waiting = sum(n for state, n in counts.items() if state in WAITING)
    running = sum(n for state, n in counts.items() if state in RUNNING)
    other = counts.total() - waiting - running
    return {"queue": Queue(running=running, waiting=waiting, other=other), "jobs": tuple(jobs)}


def _count(rows: Iterable[list[str]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for row in rows:
        if len(row) == 2:
            counts[row[1].strip()] += _number(row[0])
    return counts


def _number(text: str) -> int:
    return int(text) if text.strip().isdigit() else 0
