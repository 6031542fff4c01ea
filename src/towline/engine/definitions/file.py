"""Read executor definitions from a file or a mapping.

A file (JSON or YAML) maps labels to definitions. The keys of the 2022 talk's ``executors.json``
and our own are both understood, in either case; a key that is neither is refused with a suggestion.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from towline.clusters import parse_mapping
from towline.engine.definitions.container import ContainerKeys
from towline.engine.definitions.definition import ExecutorDefinition
from towline.engine.definitions.environment import EnvironmentKeys
from towline.engine.definitions.talk_keys import IGNORED_TALK_KEYS, TALK_KEYS, TALK_PROVIDERS
from towline.environments.container_request import NOT_FOR_THE_SCRIPT, whole_image
from towline.errors import DefinitionError

WORKSPACE = "WORKSPACE"
"""The key beside the labels that says which environment the script itself runs on."""

LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class ExecutorsFile:
    """The executor definitions of one script, with what was said about them on the way in."""

    executors: dict[str, ExecutorDefinition]
    source: str
    notes: tuple[str, ...] = field(default=())
    workspace: ExecutorDefinition | None = None
    """The environment that the script itself runs on; only its environment keys count."""


def load_executors(
    source: str | Path | Mapping[str, Any],
    *,
    clusters: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> ExecutorsFile:
    """Read executor definitions from a JSON or YAML file, or from a mapping.

    Args:
        source: path of the file, or label -> definition.
        clusters: label -> cluster name, overriding the file's.
        folder: from which the paths in a mapping start; default: the working folder. Those in a
            file start from the file's own.

    Raises:
        DefinitionError: the file cannot be read, or something in it is wrong; names file, label,
            key and, for a misspelt key, the nearest that exists.

    """
    where, raw = _read(source)
    if not isinstance(source, Mapping):
        folder = Path(source).expanduser().absolute().parent
    if not isinstance(raw, Mapping) or not raw:
        raise DefinitionError(where, "must map executor labels to definitions", _EXAMPLE)
    overrides = dict(clusters or {})
    notes: list[str] = []
    executors = {}
    workspace = None
    if WORKSPACE in raw:
        raw = dict(raw)
        workspace = _workspace(where, raw.pop(WORKSPACE), folder or Path.cwd(), notes)
        if not raw:
            raise DefinitionError(where, f"has no executor beside {WORKSPACE}", _EXAMPLE)
    for label, values in raw.items():
        executor = _executor(where, str(label), values, overrides, notes)
        executors[str(label)] = _with_whole_paths(executor, folder or Path.cwd())
    if overrides:
        unknown = ", ".join(sorted(overrides))
        raise DefinitionError(
            f"--cluster {unknown}",
            f"no such executor; {where} has {', '.join(executors)}",
        )
    return ExecutorsFile(executors, where, tuple(notes), workspace)


_EXAMPLE = 'e.g. {"myexecutor_1": {"cluster": "onprem", "partition": "compute"}}'


def _read(source: str | Path | Mapping[str, Any]) -> tuple[str, Any]:
    if isinstance(source, Mapping):
        return "executors", source
    path = Path(source).expanduser()
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DefinitionError(
            str(path), f"cannot be read: {error.strerror}", f"ls -l {path}"
        ) from error
    except UnicodeDecodeError as error:
        raise DefinitionError(str(path), "is not a text file") from error
    try:
        if path.suffix == ".json":
            return str(path), json.loads(text, object_pairs_hook=_no_duplicates)
        return str(path), parse_mapping(text, path).values
    except json.JSONDecodeError as error:
        raise DefinitionError(
            f"{path}:{error.lineno}", f"is not JSON: {error.msg} (column {error.colno})"
        ) from error
    except ValueError as error:
        raise DefinitionError(str(path), str(error)) from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        raise ValueError(f"has a key twice: {', '.join(twice)}")
    return seen


def _executor(
    where: str, label: str, values: Any, overrides: dict[str, str], notes: list[str]
) -> ExecutorDefinition:
    thing = f"{where}: {label}"
    if not LABEL.fullmatch(label):
        raise DefinitionError(thing, "a label is a letter, then letters, digits, _ and - (64)")
    if not isinstance(values, Mapping):
        raise DefinitionError(thing, "must be a mapping of keys to values", _EXAMPLE)
    ours: dict[str, Any] = {}
    for key, value in values.items():
        name = _our_name(thing, str(key), notes)
        if name is None:
            continue
        if name in ours:
            raise DefinitionError(thing, f"{key} is given twice (as {name})")
        ours[name] = _from_text(name, value)
    if label in overrides:
        ours["cluster"] = overrides.pop(label)
    try:
        return ExecutorDefinition.model_validate(ours)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "missing":
            message = "is needed"
        raise DefinitionError(f"{thing}.{key}" if key else thing, message) from error


def _workspace(where: str, values: Any, folder: Path, notes: list[str]) -> ExecutorDefinition:
    """Return the block for the script's own environment, which takes no other keys."""
    given = {**values, "cluster": "local"} if isinstance(values, Mapping) else values
    wanted = _executor(where, WORKSPACE, given, {}, notes)
    allowed = {*EnvironmentKeys.model_fields, "cluster"} - {"run_dir", "worker_init", "preflight"}
    other = sorted(wanted.model_fields_set - allowed)
    if other and other[0] in ContainerKeys.model_fields:
        raise DefinitionError(f"{where}: {WORKSPACE}.{other[0]}", *NOT_FOR_THE_SCRIPT)
    if other:
        raise DefinitionError(
            f"{where}: {WORKSPACE}.{other[0]}",
            "is no key of an environment, and the workspace has nothing else",
        )
    return _with_whole_paths(wanted, folder)


def _with_whole_paths(executor: ExecutorDefinition, folder: Path) -> ExecutorDefinition:
    include = tuple(str(folder / Path(path).expanduser()) for path in executor.include)
    changes: dict[str, object] = {"include": include}
    if executor.env_spec is not None:
        changes["env_spec"] = str(folder / Path(executor.env_spec).expanduser())
    if executor.local_conda_yaml is not None:
        yaml_path = folder / Path(executor.local_conda_yaml).expanduser()
        changes["local_conda_yaml"] = str(yaml_path)
    if executor.container_def is not None:
        changes["container_def"] = str(folder / Path(executor.container_def).expanduser())
    if executor.container_image is not None:
        changes["container_image"] = whole_image(executor.container_image, folder)
    return executor.model_copy(update=changes)


def _our_name(thing: str, key: str, notes: list[str]) -> str | None:
    if key.lower() in ExecutorDefinition.model_fields:
        return key.lower()
    talk = key.upper()
    if talk in TALK_KEYS:
        return TALK_KEYS[talk]
    if talk in IGNORED_TALK_KEYS:
        notes.append(f"{thing}.{key} is ignored: {IGNORED_TALK_KEYS[talk]}")
        return None
    known = [*ExecutorDefinition.model_fields, *TALK_KEYS, *(name.lower() for name in TALK_KEYS)]
    near = difflib.get_close_matches(key, known, 1, 0.6) or difflib.get_close_matches(
        key.lower(), known, 1, 0.6
    )
    hint = f"did you mean {near[0]}?" if near else "see docs/executors.md for the keys"
    raise DefinitionError(f"{thing}.{key}", "unknown key", hint)


def _from_text(name: str, value: Any) -> Any:
    """Undo what the talk's system did to values: every one became a string."""
    if name == "provider" and isinstance(value, str):
        return TALK_PROVIDERS.get(value, value.lower())
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value
