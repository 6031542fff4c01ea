"""What the pickers of a form offer: what is defined, and what was seen of it last.

Files only: no picker waits for a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from towline.clusters import ClusterDefinition, ClusterFacts, ClusterStore, recall_facts
from towline.clusters.facts import Partition
from towline.errors import DefinitionError
from towline.workflows.form import Choice, Choices, ClusterChoice

LOCAL = "local"

_THIS_MACHINE = ClusterChoice(LOCAL, "this machine", "", "local")


def remembered_choices(allowed: Callable[[str], bool] = lambda name: True) -> Choices:
    """Return every cluster that is defined, with the partitions that it had when last looked at.

    Args:
        allowed: says which clusters are offered; default: all.

    """
    clusters: list[ClusterChoice] = [_THIS_MACHINE]
    partitions: dict[str, list[Choice]] = {}
    store = ClusterStore()
    for name in store.names():
        if not allowed(name):
            continue
        try:
            definition = store.load(name)
        except DefinitionError:  # one broken file must not empty the form
            continue
        clusters = [each for each in clusters if each.value != name]
        clusters.append(ClusterChoice(name, name, definition.description, definition.type))
        partitions[name] = partition_choices(definition, recall_facts(definition))
    return Choices(tuple(clusters), partitions)


def partition_choices(definition: ClusterDefinition, facts: ClusterFacts | None) -> list[Choice]:
    """Return the partitions to offer: those of the definition first, in its order."""
    seen = {part.name: part for part in (facts.partitions if facts else ())}
    stated = definition.partitions
    names: Iterable[str] = stated if stated is not None else sorted(seen, key=_by_default(seen))
    return [Choice(name, name, _note(seen.get(name))) for name in names]


def _by_default(seen: dict[str, Partition]) -> Callable[[str], tuple[bool, str]]:
    return lambda name: (not seen[name].default, name)


def _note(part: Partition | None) -> str:
    if part is None:
        return ""
    words = [f"{part.nodes} nodes"] if part.nodes else []
    if part.cpus_per_node:
        words.append(f"{part.cpus_per_node} CPUs each")
    words += list(part.gres)
    if part.max_time_minutes:
        words.append(f"up to {part.max_time_minutes} min")
    if part.state != "up":
        words.append(part.state)
    return ", ".join(words)
