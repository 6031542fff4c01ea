"""What the environments of an executors file come to: plans and locks, label by label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towline.errors import DefinitionError, EnvironmentFault

if TYPE_CHECKING:
    from towline.clusters import ClusterFacts, Shell
    from towline.environments import EnvironmentRequest
    from towline.environments.cluster_side import Facts
    from towline.environments.differences import Difference
    from towline.environments.local import LocalFacts
    from towline.environments.locks import Lock
    from towline.environments.plan import Plan

LOCAL = "local"


@dataclass(frozen=True)
class Wanted:
    """The environment of one label, and the way to where it belongs."""

    label: str
    cluster: str
    request: EnvironmentRequest
    connection: Shell
    facts: Facts

    def plan(self, *, relock: bool = False) -> Plan:
        """Return what it takes; its lock is made when there is none, or anew."""
        from towline.environments.realise import plan_of

        request = self.request
        if relock:
            request = request.model_copy(update={"update": "relock"})
        return plan_of(request, self.facts, self.cluster)

    def lock(self, plan: Plan) -> Lock:
        """Return the plan's lock.

        Raises:
            EnvironmentFault: the kind has none.

        """
        if plan.lock is None:
            raise EnvironmentFault(
                self.label, f"kind {self.request.kind} is used as it is there: nothing is locked"
            )
        return plan.lock


def wanted_of(executors: Path, labels: list[str]) -> Iterator[Wanted]:
    """Yield the environments of an executors file, or of some of its labels.

    The block for the workspace counts as the label ``WORKSPACE``.

    Raises:
        DefinitionError: the file is wrong, or has no such label.
        ReachError: a cluster cannot be reached.

    """
    from towline.clusters import LocalShell
    from towline.engine import load_executors
    from towline.engine.environment_request import environment_request
    from towline.environments.local import BLOCK, WORKSPACE, local_facts

    file = load_executors(executors)
    known = {**({BLOCK: file.workspace} if file.workspace else {}), **file.executors}
    for label in labels:
        if label not in known:
            raise DefinitionError(
                label, f"{executors} has no such label; it has {', '.join(known)}"
            )
    for label in labels or known:
        wanted = known[label]
        request = environment_request(label, wanted)
        if label == BLOCK:
            own = request.model_copy(update={"for_script": True})
            yield Wanted(label, WORKSPACE, own, LocalShell(WORKSPACE), local_facts())
        elif wanted.cluster == LOCAL:  # there the script's own Python serves the workers
            if labels:
                raise DefinitionError(
                    label,
                    "runs on the workspace, on the script's own Python: it has no environment",
                    f"towline env lock {executors}",
                )
        else:
            connection, facts = reach(wanted.cluster)
            yield Wanted(label, wanted.cluster, request, connection, facts)


def reach(name: str) -> tuple[Shell, ClusterFacts | LocalFacts]:
    """Return the way to a cluster and its facts; ``workspace`` is this machine.

    Raises:
        DefinitionError: there is no such cluster.
        ReachError: it cannot be reached.

    """
    from towline.clusters import ClusterStore, LocalShell, connect, load_facts
    from towline.environments.local import WORKSPACE, local_facts

    store = ClusterStore()
    if name == WORKSPACE and name not in store.names():
        return LocalShell(WORKSPACE), local_facts()
    definition = store.load(name)
    connection = connect(definition)
    return connection, load_facts(definition, connection)


def lock_json(wanted: Wanted, lock: Lock) -> dict[str, Any]:
    """Return a lock as ``--json`` prints it."""
    return {"label": wanted.label, "cluster": wanted.cluster, **asdict(lock)}


def difference_rows(found: list[Difference]) -> list[tuple[str, str, str, str]]:
    """Return a row for each difference: package, before, after, what was changed by hand."""
    rows = []
    for each in found:
        files = ", ".join(each.files[:3])
        more = f" and {len(each.files) - 3} more" if len(each.files) > 3 else ""
        rows.append((each.package, each.before, each.after, f"{files}{more}"))
    return rows
