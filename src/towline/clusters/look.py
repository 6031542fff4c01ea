"""Look at a cluster in use: one round trip, one POSIX sh script, nothing made there."""

from __future__ import annotations

import posixpath
import re
import shlex
import time
from importlib import resources
from typing import TYPE_CHECKING, Any

from towline.clusters import _look_queues as queues
from towline.clusters._look_slurm import read_slurm
from towline.clusters._marked import Answer, first, marked_lines
from towline.clusters.definition import ClusterDefinition
from towline.clusters.facts import ClusterFacts
from towline.clusters.facts_cache import recall_facts
from towline.clusters.observation import Disk, Observation, Quota, cost_of
from towline.clusters.power import PowerState
from towline.clusters.schedulers import PROPER_NAMES, SUBMIT_COMMANDS
from towline.errors import ReachError

if TYPE_CHECKING:
    from towline.clusters.shell import Shell

LOOK_SECONDS = 40
"""Limit of the whole look; each command in it has a shorter one of its own."""

_READERS = {
    "slurm": read_slurm,
    "pbs": queues.read_pbs,
    "torque": queues.read_pbs,
    "lsf": queues.read_lsf,
    "gridengine": queues.read_gridengine,
    "condor": queues.read_condor,
}


def look(shell: Shell, definition: ClusterDefinition) -> Observation:
    """Return what a cluster shows now; it is on, since it answers.

    A scheduler that does not answer costs some seconds and leaves its part in `unknown`.

    Raises:
        ReachError: the controller cannot be reached, or its answer broke off.

    """
    started = time.monotonic()
    facts = recall_facts(definition)
    text = shell.run(look_script(definition, facts), timeout=LOOK_SECONDS).stdout
    seen = read_look(text, definition, facts)
    seconds = round(time.monotonic() - started, 3)
    return seen.model_copy(update={"observed_at": time.time(), "seconds": seconds})


def look_script(definition: ClusterDefinition, facts: ClusterFacts | None) -> str:
    """Return the script; ``facts`` know where a site hides its scheduler's commands."""
    scheduler = definition.scheduler or ""
    tools = facts.tools if facts else {}
    settings = {
        "root": definition.root,
        "scheduler": scheduler,
        "folder": posixpath.dirname(tools.get(SUBMIT_COMMANDS.get(scheduler, ""), "")),
    }
    lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
    for name, value in (facts.scheduler_settings if facts else {}).items():
        lines += f"export {name}={shlex.quote(value)}\n"
    script = resources.files("towline.clusters").joinpath("look.sh").read_text(encoding="utf-8")
    return f"# Towline's look\n{lines}{script}"


def read_look(
    text: str, definition: ClusterDefinition, facts: ClusterFacts | None = None
) -> Observation:
    """Read the script's answer, whatever else the log-in printed around it.

    Raises:
        ReachError: the answer is not whole.

    """
    answer = marked_lines(text)
    if "end" not in answer:
        raise ReachError(
            f"cluster {definition.name}",
            "the answer to a look broke off",
            f"towline cluster check {definition.name}",
        )
    seen: dict[str, Any] = {"unknown": {}}
    if definition.scheduler is None:
        seen |= {"nodes_by_state": {"up": 1}, "registered_workers": 1, "requested_workers": 1}
    else:
        seen |= _READERS[definition.scheduler](answer)
    disk, quotas = _disk(answer), read_quotas(answer["quota"])
    if disk is None:
        seen["unknown"]["disk"] = "df did not say"
    jobs = seen.get("jobs")
    if definition.elastic:
        nodes, basis = seen.get("requested_workers"), "nodes that are up or coming up"
    elif definition.scheduler is None:
        nodes, basis = 1, "the host"
    else:
        nodes = None if jobs is None else sum(job.nodes for job in jobs if runs(job.state))
        basis = "nodes of your running jobs"
    return Observation(
        state=PowerState.ON,
        controller=_controller(answer, definition),
        scheduler=_scheduler(definition, facts),
        disk=disk,
        quotas=quotas,
        cost=cost_of(definition.cost_per_node_hour, nodes, basis),
        **seen,
    )


def runs(state: str) -> bool:
    """Say whether a job of this state holds nodes, whatever the scheduler's word for it."""
    word = state.upper()
    return word in queues.RUNNING or word in ("RUNNING", "COMPLETING", "SUSPENDED", "CONFIGURING")


def read_quotas(lines: list[str]) -> tuple[Quota, ...] | None:
    """Read ``quota -w -p``: file system, 1 KiB blocks used, soft limit, hard limit; None: none."""
    found = []
    for line in lines:
        match = re.match(r"\s*(\S+)\s+(\d+)\*?\s+(\d+)\s+(\d+)\s", f"{line} ")
        if match is None:
            continue
        used, soft, hard = (int(match[group]) for group in (2, 3, 4))
        if limit := soft or hard:
            quota = Quota(file_system=match[1], used_mb=used // 1024, limit_mb=limit // 1024)
            found.append(quota)
    return tuple(found) or None


def _disk(answer: Answer) -> Disk | None:
    match = re.fullmatch(r"(\d+) (\d+)", first(answer, "disk"))
    if match is None:
        return None
    return Disk(path=first(answer, "root"), free_mb=int(match[1]), total_mb=int(match[2]))


def _controller(answer: Answer, definition: ClusterDefinition) -> str | None:
    if definition.here:
        return "127.0.0.1"
    ends = first(answer, "connection").split()
    return ends[2] if len(ends) == 4 else definition.destination().host


def _scheduler(definition: ClusterDefinition, facts: ClusterFacts | None) -> str | None:
    if definition.scheduler is None:
        return None
    version = facts.scheduler_version if facts else ""
    return f"{PROPER_NAMES[definition.scheduler]} {version}".strip()
