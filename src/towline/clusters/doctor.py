"""The doctor: try each step of the way to a cluster, and say what to do where it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from towline.clusters import _check_node, _check_reach, _check_scheduler, _check_system
from towline.clusters._visit import Finding, Visit
from towline.clusters.check_step import CheckStep, Status
from towline.clusters.definition import ClusterDefinition
from towline.clusters.schedulers import SUBMIT_COMMANDS
from towline.clusters.shell import Shell, connect
from towline.errors import TowlineError

BY_SCHEDULER = frozenset(SUBMIT_COMMANDS)
BY_SSH = BY_SCHEDULER | {"ssh"}
ALL_TYPES = BY_SSH | {"local"}
WITH_TEST_JOB = frozenset({"slurm", "gridengine", "condor"})


@dataclass(frozen=True)
class _Step:
    name: str
    look: Callable[[Visit], Finding]
    needs: tuple[str, ...] = ()
    types: frozenset[str] = ALL_TYPES
    deep: bool = False
    patience: str = ""


_REACH, _SYSTEM, _SCHEDULER, _NODE = _check_reach, _check_system, _check_scheduler, _check_node

STEPS = (
    _Step("definition", _REACH.look_at_definition),
    _Step("ssh configuration", _REACH.look_at_ssh_configuration, ("definition",), BY_SSH),
    _Step(
        "connection",
        _REACH.look_at_connection,
        ("ssh configuration",),
        patience=f"up to {_REACH.OPEN_SECONDS} s",
    ),
    _Step("quiet shell", _REACH.look_at_quiet_shell, ("connection",), BY_SSH),
    _Step("system", _REACH.look_at_system, ("connection",)),
    _Step("folder and disk", _SYSTEM.look_at_home, ("system",)),
    _Step("Python for link", _SYSTEM.look_at_agent_python, ("system",), BY_SSH),
    _Step("Python for apps", _SYSTEM.look_at_worker_python, ("system",)),
    _Step("scheduler", _SCHEDULER.look_at_scheduler, ("system",), BY_SCHEDULER),
    _Step("partitions", _SCHEDULER.look_at_partitions, ("scheduler",), BY_SCHEDULER),
    _Step("address for nodes", _SCHEDULER.look_at_node_address, ("system",), BY_SCHEDULER),
    _Step(
        "link",
        _NODE.look_at_link,
        ("folder and disk", "Python for link", "address for nodes"),
        BY_SSH,
    ),
    _Step(
        "test job",
        _NODE.look_at_node,
        ("link", "partitions"),
        WITH_TEST_JOB,
        deep=True,
        patience=f"waits for a node up to {_NODE.QUEUE_SECONDS} s",
    ),
)


def examine(
    definition: ClusterDefinition,
    *,
    deep: bool = False,
    partition: str | None = None,
    account: str | None = None,
    shell: Shell | None = None,
    starting: Callable[[str], object] = lambda name: None,
) -> Iterator[CheckStep]:
    """Try each step of the way to a cluster, and yield what was found as soon as it is known.

    A step that builds on a failed one is yielded as skipped. Nothing remains on the cluster, also
    when the caller stops early and closes the iterator.

    Args:
        definition: the cluster.
        deep: also run a job on one node, of a minute at most.
        partition: for that job; the definition's first or the default one when None.
        account: for that job; the user's default when None.
        shell: the way to the controller; a new connection when None.
        starting: told what is tried next, and how long that may take.

    """
    visit = Visit(definition, shell or connect(definition), partition, account)
    kind = definition.scheduler or ("local" if definition.here else "ssh")
    broken: set[str] = set()
    with visit.ending:
        for step in STEPS:
            if kind not in step.types or (step.deep and not deep):
                continue
            blockers = [need for need in step.needs if need in broken]
            if blockers:
                broken.add(step.name)
                yield CheckStep(step.name, Status.SKIPPED, f"needs: {blockers[0]}")
                continue
            starting(step.name + (f" ({step.patience})" if step.patience else ""))
            found = _try(step, visit)
            if found.status is Status.FAIL:
                broken.add(step.name)
            yield found


def _try(step: _Step, visit: Visit) -> CheckStep:
    started = time.monotonic()
    try:
        finding = step.look(visit)
    except TowlineError as error:
        seconds = time.monotonic() - started
        return CheckStep(step.name, Status.FAIL, error.cause, seconds, error.next_step, error)
    seconds = time.monotonic() - started
    return CheckStep(step.name, finding.status, finding.detail, seconds, finding.next_step)
