"""Tables of the keys of an executor definition, from the model and the talk's keys."""

from __future__ import annotations

import types
from typing import Any, Literal, Union, get_args, get_origin

from reference.markdown import cell
from towline.engine.definitions import ExecutorDefinition
from towline.engine.definitions.talk_keys import IGNORED_TALK_KEYS, TALK_KEYS

KEY_GROUPS = {
    "Where the workers run": "cluster provider partition account qos constraint reservation",
    "What a block is": (
        "nodes walltime exclusive cores_per_node mem_per_node gpus_per_node gres mpi "
        "mpi_apps scheduler_options"
    ),
    "Workers on a node": "tasks_per_node cores_per_worker mem_per_worker accelerators prefetch",
    "How many blocks": "init_blocks min_blocks max_blocks parallelism",
    "Environment": (
        "environment env_spec env_update env_transport env_parsl packages exclude include "
        "python prefix conda_env conda_dir modules env_root preflight install_conda "
        "local_conda_yaml virtual_packages"
    ),
    "Container": (
        "container_image container_def container_runtime container_binds container_gpu "
        "container_options create_singularity_container"
    ),
    "Around the worker": "run_dir worker_init heartbeat_threshold interchange compress",
}
"""Every key of an executor definition, in the order of the page."""


def executor_keys() -> str:
    """Return a table of keys for each group."""
    grouped = [key for keys in KEY_GROUPS.values() for key in keys.split()]
    fields = ExecutorDefinition.model_fields
    if sorted(grouped) != sorted(fields):
        raise SystemExit(f"KEY_GROUPS and the model differ in {set(grouped) ^ set(fields)}")
    lines = []
    for title, keys in KEY_GROUPS.items():
        lines += [
            f"### {title}",
            "",
            "| key | value | default | meaning |",
            "| --- | --- | --- | --- |",
        ]
        for key in keys.split():
            field = fields[key]
            lines.append(
                f"| `{key}` | {_bounded(field)} | {_default(field)} | {cell(field.description)} |"
            )
        lines.append("")
    return "\n".join(lines)


def _bounded(field: Any) -> str:
    limits = []
    for rule in field.metadata:
        limits += [
            f"{sign} {getattr(rule, name)}" for name, sign in SIGNS.items() if hasattr(rule, name)
        ]
    return ", ".join([_value(field.annotation), *limits])


SIGNS = {"gt": "over", "ge": "at least", "lt": "under", "le": "at most"}
WORDS = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`"}


def _value(annotation: Any) -> str:
    arguments = [each for each in get_args(annotation) if each is not type(None)]
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(_value(each) for each in arguments)
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    if get_origin(annotation) is tuple:
        return "list of text"
    if hasattr(annotation, "__metadata__"):
        return _value(arguments[0])
    return WORDS[annotation]


def _default(field: Any) -> str:
    if field.is_required():
        return "needed"
    if field.default in (None, ()):
        return ""
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def talk_keys() -> str:
    """Return a table of the talk's keys and ours."""
    rows = [f"| `{theirs}` | `{ours}` |" for theirs, ours in TALK_KEYS.items()]
    return "\n".join(["| key of 2022 | key here |", "| --- | --- |", *rows])


def ignored_keys() -> str:
    """Return a table of the talk's keys that have no effect."""
    rows = [f"| `{key}` | {cell(why)} |" for key, why in IGNORED_TALK_KEYS.items()]
    return "\n".join(["| key | because |", "| --- | --- |", *rows])
