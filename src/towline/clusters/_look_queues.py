"""Read what PBS, Torque, LSF, Grid Engine and HTCondor answer to a look."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from towline.clusters._look_slurm import not_observed
from towline.clusters._lsf_queues import read_lsf_queues
from towline.clusters._marked import Answer, first
from towline.clusters._pbs_queues import AWAY, attributes, read_pbs_queues
from towline.clusters._queues import NO_JOBS, read_pool, read_queues
from towline.clusters.facts import Partition
from towline.clusters.observation import Job, PartitionNow, run_of

RUNNING = frozenset({"R", "E", "RUN", "USUSP", "SSUSP", "2"}) | {"R", "T", "TR", "HR"}
"""Words for jobs that hold nodes: PBS's and Grid Engine's letters, LSF's words, HTCondor's 2."""

CONDOR_STATES = {"1": "IDLE", "2": "RUNNING", "3": "REMOVED", "4": "COMPLETED", "5": "HELD"}


def read_pbs(answer: Answer) -> dict[str, Any]:
    """Return PBS's or Torque's part of an `Observation`."""
    seen, unknown = _begin(answer, "queues", "nodes", "jobs")
    if "partitions" in unknown:
        return seen
    default = first(answer, "default_queue")
    seen["partitions"] = _now(read_pbs_queues(answer["queues"], answer["nodes"], default))
    if "nodes_by_state" not in unknown:
        states = Counter(
            node.get("state", "unknown") for node in attributes(answer["nodes"]).values()
        )
        _add_nodes(seen, states, {state for state in states if not AWAY.search(state)})
    if "jobs" not in unknown:
        rows = (line.split() for line in answer["jobs"])
        seen["jobs"] = tuple(
            _job(row[0], row[3], row[9], row[2], row[5])
            for row in rows
            if len(row) >= 11 and row[0][:1].isdigit()
        )
    return seen


def read_lsf(answer: Answer) -> dict[str, Any]:
    """Return LSF's part of an `Observation`."""
    seen, unknown = _begin(answer, "queues", "nodes", "jobs")
    if "partitions" in unknown:
        return seen
    hosts = [line for line in answer["nodes"] if not line.startswith("HOST_NAME")]
    seen["partitions"] = _now(read_lsf_queues(answer["queues"], answer["details"], hosts))
    if "nodes_by_state" not in unknown:
        states = Counter(row[1] for line in hosts if len(row := line.split()) > 3)
        _add_nodes(seen, states, {s for s in states if re.match("ok|closed_(Full|Busy|Excl)", s)})
    if "jobs" not in unknown:
        rows = (line.split("|", 4) for line in answer["jobs"] if line.count("|") >= 4)
        seen["jobs"] = tuple(
            _job(row[0], row[4], row[1], row[2], row[3]) for row in rows if row[0][:1].isdigit()
        )
    return seen


def read_gridengine(answer: Answer) -> dict[str, Any]:
    """Return Grid Engine's part of an `Observation`; a host's state is that of its queues."""
    seen, unknown = _begin(answer, "queues", None, "jobs")
    if "partitions" in unknown:
        return seen
    seen["partitions"] = _now(read_queues(answer["queues"], answer["details"]))
    hosts: dict[str, str] = {}
    for line in answer["queues"]:
        row = line.split()
        if len(row) >= 5 and "@" in row[0] and row[2].count("/") == 2:
            host = row[0].partition("@")[2].partition(".")[0]
            letters = row[5] if len(row) > 5 else ""
            stopped = letters if NO_JOBS & set(letters) else "up"
            hosts[host] = "up" if "up" in (stopped, hosts.get(host)) else stopped
    _add_nodes(seen, Counter(hosts.values()), {"up"})
    if "jobs" not in unknown:
        seen["jobs"] = tuple(_gridengine_jobs(answer["jobs"]))
    return seen


def read_condor(answer: Answer) -> dict[str, Any]:
    """Return HTCondor's part of an `Observation`."""
    seen, unknown = _begin(answer, "nodes", "nodes", "jobs")
    if "partitions" in unknown:
        return seen
    seen["partitions"] = _now(read_pool(answer["nodes"]))
    rows = [line.split("\t") for line in answer["nodes"] if line.count("\t") >= 4]
    machines = {row[0]: row[4] for row in rows}
    states = Counter(machines.values())
    _add_nodes(seen, states, set(states))
    if "jobs" not in unknown:
        parts = (line.split("\t") for line in answer["jobs"] if line.count("\t") >= 3)
        seen["jobs"] = tuple(
            _job(f"{row[0]}.{row[1]}", row[3], CONDOR_STATES.get(row[2], row[2]), "", "1")
            for row in parts
        )
    return seen


def _begin(
    answer: Answer, queues: str, nodes: str | None, jobs: str
) -> tuple[dict[str, Any], dict[str, str]]:
    unknown: dict[str, str] = {}
    if why := not_observed(answer, queues):
        unknown |= {"partitions": why, "nodes_by_state": why, "jobs": why}
    else:
        if nodes is not None and (why := not_observed(answer, nodes)):
            unknown["nodes_by_state"] = why
        if (why := not_observed(answer, jobs)) and "no unfinished job" not in why.lower():
            unknown["jobs"] = why
    unknown["queue"] = "this scheduler is asked for your own jobs only"
    return {"unknown": unknown}, unknown


def _add_nodes(seen: dict[str, Any], states: Mapping[str, int], up: Iterable[str]) -> None:
    seen["nodes_by_state"] = dict(states)
    seen["registered_workers"] = seen["requested_workers"] = sum(states[state] for state in up)


def _now(partitions: Iterable[Partition]) -> tuple[PartitionNow, ...]:
    return tuple(PartitionNow(**part.model_dump()) for part in partitions)


def _gridengine_jobs(lines: Iterable[str]) -> Iterable[Job]:
    """Yield the jobs of ``qstat -r``: the row cuts a name off, "Full jobname" below does not."""
    row: list[str] = []
    for line in lines:
        words = line.split()
        if len(words) > 7 and words[0].isdigit():
            row = words
        elif row and words[:2] == ["Full", "jobname:"] and len(words) > 2:
            queue = row[7].partition("@")[0] if "@" in row[7] else ""
            yield _job(row[0], words[2], row[4], queue, "1" if "r" in row[4] else "0")
            row = []


def _job(job_id: str, name: str, state: str, partition: str, nodes: str) -> Job:
    count = int(nodes) if nodes.isdigit() else 0
    run = run_of(name)
    return Job(id=job_id, name=name, state=state, partition=partition, nodes=count, run=run)
