"""Make an environment anew where it is broken: the old folders are moved aside first."""

from __future__ import annotations

from contextlib import suppress

from towline.environments.archive import archives_folder
from towline.environments.cluster_side import (
    Connection,
    Facts,
    Report,
    environments_folder,
    marked,
    program,
)
from towline.environments.environment import Environment
from towline.environments.inventory import runs_folder
from towline.environments.plan import Layer, OwnWayLayer, Plan
from towline.environments.realise import plan_of, realise
from towline.environments.request import EnvironmentRequest
from towline.errors import EnvironmentFault

ASIDE_SECONDS = 300


def rebuild(
    request: EnvironmentRequest,
    connection: Connection,
    facts: Facts,
    *,
    cluster: str,
    force: bool = False,
    report: Report | None = None,
) -> Environment:
    """Return the environment of a request, built and brought anew whatever is there.

    Args:
        request: what is asked for.
        connection: the way to the controller.
        facts: what the probe saw of it.
        cluster: its name, for messages.
        force: even while runs use it, whose workers then lose their files.
        report: takes ``environment`` events.

    Raises:
        EnvironmentFault: a run uses it or a layer of it, or it cannot be built.
        ReachError: the connection failed.

    """
    plan = plan_of(request, facts, cluster)
    if not plan.layers:
        raise EnvironmentFault(
            f"cluster {cluster}", f"kind {request.kind} is not ours: nothing to rebuild"
        )
    _move_aside(plan, request, connection, facts, cluster, force)
    for layer in (each for each in plan.layers if isinstance(each, Layer)):
        for suffix in (".tar.gz", ".json"):
            with suppress(OSError):
                (archives_folder() / f"{layer.archive}{suffix}").unlink()
    for image in (each.name for each in plan.layers if isinstance(each, OwnWayLayer)):
        with suppress(OSError):
            (archives_folder() / "images" / f"{image}.sif").unlink()
    again = request.model_copy(update={"update": "missing"})  # locked anew above, if at all
    return realise(again, connection, facts, cluster=cluster, report=report)


def _move_aside(
    plan: Plan,
    request: EnvironmentRequest,
    connection: Connection,
    facts: Facts,
    cluster: str,
    force: bool,
) -> None:
    script = program(
        "move_aside",
        root=environments_folder(request.root, facts),
        names=" ".join(layer.name for layer in reversed(plan.layers)),
        runs=runs_folder(facts),
        force="yes" if force else "",
    )
    answer = marked(connection.run(script, timeout=ASIDE_SECONDS).stdout)
    if "in-use" in answer:
        users = ", ".join(sorted(set(answer["in-use"])))
        raise EnvironmentFault(
            f"cluster {cluster}",
            f"{plan.environment.key}, or a layer that it stands on, is used by {users}",
            "wait until they have ended, or give --force: their workers will fail",
        )
    if "end" not in answer:
        stuck = "".join(answer["stuck"]) or "the answer broke off"
        raise EnvironmentFault(f"cluster {cluster}", f"old folders cannot be moved: {stuck}")
