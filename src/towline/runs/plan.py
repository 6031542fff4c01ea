"""What a workflow with its inputs comes to: command, executors, clusters, batch job.

Reads definitions and makes nothing, so that whatever is wrong is said before a run is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from towline.clusters import ClusterStore
from towline.errors import DefinitionError, InputProblem, InputsWrong
from towline.workflows import CheckedInputs, Installed
from towline.workflows.arguments import command_of
from towline.workflows.checking import script_of
from towline.workflows.fields import ClusterField, Fields, GroupField
from towline.workflows.references import chosen_clusters, resolved, resolved_executors

if TYPE_CHECKING:
    from towline.engine.batch_job import BatchRequest

LOCAL = "local"

EXECUTORS = ".executors.json"
WORKSPACE = ".workspace.json"
"""Files that a run writes beside the workflow's own: paths in them start from there."""

_BLOCK = "WORKSPACE"


@dataclass(frozen=True)
class Plan:
    """A run before it has a folder; paths are below its working folder.

    ``files`` are written there, as JSON; ``uses`` are all clusters; see `Asked` for the others.
    """

    script: str
    argv: list[str]
    command: list[str]
    executors: str | None = None
    clusters: dict[str, str] = field(default_factory=dict)
    environment: str | None = None
    on: dict[str, Any] | None = None
    batch: BatchRequest | None = None
    files: dict[str, Any] = field(default_factory=dict)
    uses: tuple[str, ...] = ()


def plan_of(installed: Installed, checked: CheckedInputs, clusters: dict[str, str]) -> Plan:
    """Return the plan of a run.

    Args:
        installed: the workflow.
        checked: its inputs.
        clusters: executor label -> cluster, from whoever launches; wins over the form.

    Raises:
        DefinitionError: an executor or the batch job is wrong, or a cluster is not there.

    """
    definition = installed.definition
    command = command_of(definition, checked.values)
    script = script_of(definition.run) or definition.run[0]
    argv = command[command.index(script) + 1 :]
    if definition.on is not None:
        return _batch_plan(installed, checked, clusters, script, argv, command)
    written = resolved_executors(definition, checked.values)
    files: dict[str, Any] = {}
    executors: str | None = None
    if written is not None:
        executors = EXECUTORS
        files[EXECUTORS] = written
    elif isinstance(definition.executors, str):
        executors = definition.executors
    chosen = {**chosen_clusters(definition, checked.values), **clusters}
    uses, has_block = _check_executors(installed.folder, executors, written, chosen)
    environment = executors if has_block else None
    if definition.environment is not None:
        environment = WORKSPACE
        files[WORKSPACE] = {_BLOCK: definition.environment, "none": {"cluster": LOCAL}}
    return Plan(script, argv, command, executors, chosen, environment, files=files, uses=uses)


def _check_executors(
    folder: Path,
    file: str | None,
    written: Mapping[str, Any] | None,
    chosen: Mapping[str, str],
) -> tuple[tuple[str, ...], bool]:
    """Make sure that executors and clusters are there.

    Returns:
        The clusters' names, sorted, and whether one executor is the workspace's.

    """
    names = set(chosen.values())
    block = False
    if file is not None:
        from towline.engine.definitions import load_executors

        source = written if written is not None else folder / file
        loaded = load_executors(source, clusters=chosen, folder=folder)
        names |= {executor.cluster for executor in loaded.executors.values()}
        block = loaded.workspace is not None
    check_clusters(names)
    return tuple(sorted(names)), block


def check_clusters(names: set[str]) -> None:
    """Make sure that clusters are defined; ``local`` needs no definition.

    Raises:
        DefinitionError: one is not.

    """
    known = ClusterStore()
    defined = {LOCAL, *known.names()}
    for name in sorted(names):
        if name not in defined:
            # Not which ones there are: on a server, others' clusters are nobody's business.
            raise DefinitionError(f"cluster {name}", "is not defined", "towline cluster list")
        if name != LOCAL:
            known.load(name)


def check_cluster_fields(fields: Fields, values: Mapping[str, Any]) -> None:
    """Make sure that what cluster fields name is defined, and of a type that they take.

    Raises:
        InputsWrong: something is not.

    """
    store = ClusterStore()
    problems = []
    for path, one, name in _clusters_in(fields, values, ()):
        if name not in {LOCAL, *store.names()}:
            problems.append(InputProblem(path, f"names no cluster that is defined: '{name}'"))
        elif one.types and (kind := _type_of(store, name)) not in one.types:
            wanted = " or ".join(one.types)
            problems.append(InputProblem(path, f"must be of type {wanted}; {name} is of {kind}"))
    if problems:
        raise InputsWrong("inputs", problems, "towline cluster list")


def _clusters_in(
    fields: Fields, values: Mapping[str, Any], around: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], ClusterField, str]]:
    for name, one in fields.items():
        value, path = values.get(name), (*around, name)
        if isinstance(one, GroupField) and isinstance(value, Mapping):
            yield from _clusters_in(one.inputs, value, path)
        elif isinstance(one, ClusterField) and value is not None:
            yield path, one, str(value)


def _type_of(store: ClusterStore, name: str) -> str:
    return LOCAL if name == LOCAL and name not in store.names() else store.load(name).type


def _batch_plan(
    installed: Installed,
    checked: CheckedInputs,
    clusters: Mapping[str, str],
    script: str,
    argv: list[str],
    command: list[str],
) -> Plan:
    from towline.engine.batch_job import BatchRequest
    from towline.runs.batch_job import COMMAND

    definition = installed.definition
    if checked.secrets:
        raise DefinitionError(
            f"workflow {installed.name}",
            "a batch job cannot take secrets: nothing but files could bring them to its node",
            "leave `on` out, or keep the secret on the cluster",
        )
    on = resolved(definition.on or {}, checked.values)
    unknown = sorted(set(clusters) - {"on"})
    if unknown:
        raise DefinitionError(
            f"--cluster {unknown[0]}", "there are no executors; its one label is `on`"
        )
    if "on" in clusters:
        on = {key: value for key, value in on.items() if key.lower() not in ("cluster", "pool")}
        on["cluster"] = clusters["on"]
    request = BatchRequest.of(on, command, definition.outputs)
    cluster = str(next(v for k, v in on.items() if k.lower() in ("cluster", "pool")))
    check_clusters({cluster})
    return Plan(script, argv, list(COMMAND), on=on, batch=request, uses=(cluster,))
