"""Have an environment on a cluster: looked for first, else built here, pushed and tried out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace

from towline.environments.archive import archive_of
from towline.environments.cluster_side import (
    Connection,
    Facts,
    Report,
    environments_folder,
    marked,
    program,
    silent,
)
from towline.environments.conda import plan_conda, tell_conda_name
from towline.environments.container import plan_container
from towline.environments.environment import Environment
from towline.environments.existing import plan_existing
from towline.environments.locate import locate
from towline.environments.plan import Layer, OwnWayLayer, Plan, Planner
from towline.environments.push import push
from towline.environments.request import EnvironmentRequest
from towline.environments.sync import plan_sync
from towline.environments.uv import plan_uv
from towline.environments.worker_python import WorkerPython, read_worker_python

KINDS: dict[str, Planner] = {
    "sync": plan_sync,
    "existing": plan_existing,
    "uv": plan_uv,
    "conda": plan_conda,
    "container": plan_container,
}

LOOK_SECONDS = 30


def realise(
    request: EnvironmentRequest,
    connection: Connection,
    facts: Facts,
    *,
    cluster: str = "cluster",
    used_by: str = "",
    report: Report | None = None,
) -> Environment:
    """Return an environment that is whole and in place on the cluster.

    What is there already costs one round trip. Otherwise it is built once in the workspace, pushed,
    tried out there, and switched in by one rename; a failure leaves what was there before.

    Args:
        request: what the executor definition asks for.
        connection: the way to the controller.
        facts: what the probe saw of it.
        cluster: its name, for messages.
        used_by: tag of a run, which keeps `gc` away until `unmark_used`.
        report: takes ``environment`` events with a `state`: planning, solving, planned, building,
            downloading (with done and total bytes), linking, installing, built, pushing (with done
            and total bytes), refused (a place that the proxy does not lead to), ready.

    Raises:
        DefinitionError: the request names what is not installed.
        EnvironmentFault: it cannot be built, or cannot run there.
        NoSpace: disk, quota or inodes are full there.
        ReachError: the connection failed.

    """
    report = silent if report is None else report
    started = time.monotonic()
    report("environment", state="planning", kind=request.kind)
    plan = plan_of(request, facts, cluster, report)
    report("environment", state="planned", kind=request.kind, key=plan.environment.key)
    if not plan.layers:
        environment, pushed = locate(plan.environment, connection, cluster, request), False
    else:
        root = environments_folder(request.root, facts)
        environment, pushed = _bring(plan, connection, root, cluster, used_by, report)
    if plan.afterwards:
        tell_conda_name(connection.run(plan.afterwards, timeout=LOOK_SECONDS).stdout, report)
    report(
        "environment",
        state="ready",
        key=environment.key,
        pushed=pushed,
        seconds=round(time.monotonic() - started, 3),
    )
    return environment


def plan_of(
    request: EnvironmentRequest, facts: Facts, cluster: str, report: Report = silent
) -> Plan:
    """Return what it takes to have an environment; makes and stores its lock.

    Raises:
        DefinitionError, EnvironmentFault: as `realise`.

    """
    if request.kind == "conda":  # solving takes its time, and says so
        return plan_conda(request, facts, cluster, report)
    return KINDS[request.kind](request, facts, cluster)


def _bring(
    plan: Plan, connection: Connection, root: str, cluster: str, used_by: str, report: Report
) -> tuple[Environment, bool]:
    environment = plan.environment
    there, checked = _look(plan, connection, root, used_by)
    missing = [
        layer for layer in plan.layers if layer.name not in there and layer.only_for not in there
    ]
    for layer in missing:
        layer.fits()
        if isinstance(layer, Layer) and layer.around is not None:
            with layer.around(connection, report):
                pass  # whether there is such a way is known before a byte is sent
    for layer in missing:
        if isinstance(layer, OwnWayLayer):
            layer.bring(connection, root, cluster, report)
            continue
        archive = archive_of(layer, report)
        with (layer.around or _nothing)(connection, report) as variables:
            pushed = push(layer, archive, connection, root, cluster, report, variables)
        if layer.name == environment.key and pushed.probe_answer:
            checked = read_worker_python(pushed.probe_answer)
    if missing and used_by:
        _look(plan, connection, root, used_by)
    return replace(environment, checked=checked), bool(missing)


@contextmanager
def _nothing(connection: Connection, report: Report) -> Iterator[Mapping[str, str]]:
    yield {}


def _look(
    plan: Plan, connection: Connection, root: str, used_by: str
) -> tuple[set[str], WorkerPython | None]:
    """Return which layers are there, and what the environment's Python said when it was tried."""
    script = program(
        "look",
        root=root,
        names=" ".join(layer.name for layer in plan.layers),
        check=plan.environment.activation_digest,
        tag=used_by,
    )
    answer = marked(connection.run(script, timeout=LOOK_SECONDS).stdout)
    there = set(answer["there"])
    checked = None
    # The interpreter that it was tried with may have been replaced by an update of the system.
    if len(answer["checked"]) == 2 and answer["checked"][0] == "".join(answer["stamp"]):
        with suppress(ValueError):
            checked = read_worker_python(answer["checked"][1])
    if not "".join(answer["stamp"]):
        there.discard(plan.environment.key)  # its interpreter is gone
    return there, checked
