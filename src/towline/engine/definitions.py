"""Executor definitions: which cluster stands behind a Parsl label, and with what resources.

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
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from towline.engine.talk_keys import IGNORED_TALK_KEYS, TALK_KEYS, TALK_PROVIDERS
from towline.errors import DefinitionError

LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
WALLTIME = re.compile(r"(?:(\d+)-)?(\d{1,3}):([0-5]\d):([0-5]\d)")


def _one_line(value: Any) -> Any:
    if isinstance(value, str) and ("\n" in value or "\r" in value or "\0" in value):
        raise ValueError("must be one line")
    return value


def _walltime(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        # YAML 1.1 reads 08:00:00 as a base-60 number of seconds
        return f"{value // 3600:02}:{value % 3600 // 60:02}:{value % 60:02}"
    if not isinstance(value, str) or not WALLTIME.fullmatch(value):
        raise ValueError("must be [DAYS-]HOURS:MINUTES:SECONDS, such as 08:00:00")
    return value


def _lines(value: Any) -> Any:
    return tuple(value.splitlines()) if isinstance(value, str) else value


OneLine = Annotated[str, BeforeValidator(_one_line)]
Lines = Annotated[tuple[str, ...], BeforeValidator(_lines)]


class ExecutorDefinition(BaseModel):
    """What stands behind one Parsl executor label."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    cluster: OneLine = Field(description="Name of the cluster; `local` is this machine.")
    provider: Literal["auto", "slurm", "controller", "local"] = Field(
        "auto",
        description="Where workers run: `slurm` on nodes, in batch jobs; `controller` on the "
        "controller itself, without the scheduler; `local` on this machine. `auto` follows the "
        "cluster's type.",
    )
    partition: OneLine | None = Field(None, description="Partition (queue); default: the site's.")
    nodes: int = Field(1, ge=1, description="Nodes in a block (one batch job).")
    tasks_per_node: int | None = Field(None, ge=1, description="Workers on a node, at most.")
    cores_per_worker: float = Field(1.0, gt=0, description="Cores of a worker; 0.5: two a core.")
    mem_per_worker: float | None = Field(None, gt=0, description="Memory of a worker, GB.")
    cores_per_node: int | None = Field(None, ge=1, description="Cores to ask for on a node.")
    mem_per_node: int | None = Field(None, ge=1, description="Memory to ask for on a node, GB.")
    gpus_per_node: int | None = Field(None, ge=1, description="GPUs to ask for on a node.")
    accelerators: int | tuple[str, ...] = Field(
        (), description="GPUs to pin workers to, one each: a number or a list of names."
    )
    gres: OneLine | None = Field(None, description="Slurm GRES, such as `gpu:2`.")
    walltime: Annotated[str, BeforeValidator(_walltime)] = Field(
        "00:30:00", description="Time limit of a block, [DAYS-]HH:MM:SS."
    )
    account: OneLine | None = Field(None, description="Account (project) to charge.")
    qos: OneLine | None = Field(None, description="Quality of service.")
    constraint: OneLine | None = Field(None, description="Node features to ask for.")
    reservation: OneLine | None = Field(None, description="Reservation to run in.")
    exclusive: bool = Field(False, description="Ask for whole nodes.")
    scheduler_options: Lines = Field(
        (), description="More directives for the job script, such as `#SBATCH --mail-type=END`."
    )
    init_blocks: int = Field(1, ge=0, description="Blocks asked for at the start.")
    min_blocks: int = Field(0, ge=0, description="Blocks kept even when idle.")
    max_blocks: int = Field(1, ge=1, description="Blocks at most.")
    parallelism: float = Field(1.0, ge=0, le=1, description="Worker slots wanted a waiting task.")
    prefetch: int = Field(0, ge=0, description="Tasks a node may hold beyond its workers.")
    heartbeat_threshold: int = Field(
        120, ge=10, description="Seconds of silence after which a node counts as lost."
    )
    run_dir: OneLine | None = Field(
        None, description="Working folder of the apps on the cluster; kept after the run."
    )
    worker_init: Lines = Field((), description="Shell lines run on the node before the worker.")
    environment: Literal["sync", "existing"] | None = Field(
        None, description="Kind of Python environment; default: `existing` when one is named."
    )
    packages: tuple[str, ...] | None = Field(
        None, description="`sync`: only these packages and what they need."
    )
    exclude: tuple[str, ...] = Field((), description="`sync`: packages to leave out.")
    include: tuple[str, ...] = Field(
        (), description="`sync`: modules or packages to send along, by path from this file."
    )
    python: OneLine | None = Field(
        None, description="Interpreter on the cluster: a path, `3.11`, or `workspace` to send ours."
    )
    prefix: OneLine | None = Field(None, description="`existing`: folder of a venv or conda env.")
    conda_env: OneLine | None = Field(
        None, description="`existing`: name or folder of a conda env."
    )
    conda_dir: OneLine = Field("~/miniconda3", description="Conda's folder on the cluster.")
    install_conda: bool = Field(False, description="Build the environment from local_conda_yaml.")
    local_conda_yaml: OneLine | None = Field(None, description="environment.yml on the workspace.")
    modules: tuple[str, ...] = Field((), description="`existing`: modules to load.")
    env_root: OneLine | None = Field(None, description="Folder of environments on the cluster.")
    preflight: Literal["login", "compute", "off"] = Field(
        "login", description="Where the environment is tried before anything is submitted."
    )

    @model_validator(mode="after")
    def _consistent(self) -> ExecutorDefinition:
        if self.min_blocks > self.max_blocks or self.init_blocks > self.max_blocks:
            raise ValueError("min_blocks and init_blocks may not exceed max_blocks")
        for line in self.scheduler_options:
            if "\n" in line or "\r" in line or not line.startswith("#"):
                raise ValueError(f"scheduler_options: {line!r} is not one directive (#…)")
        return self

    @property
    def walltime_minutes(self) -> int:
        """Return the time limit in minutes, rounded up."""
        match = WALLTIME.fullmatch(self.walltime)
        assert match is not None, "validated"  # noqa: S101
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return (days * 24 + hours) * 60 + minutes + (1 if seconds else 0)


@dataclass(frozen=True)
class ExecutorsFile:
    """The executor definitions of one script, with what was said about them on the way in."""

    executors: dict[str, ExecutorDefinition]
    source: str
    notes: tuple[str, ...] = field(default=())


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
    for label, values in raw.items():
        executor = _executor(where, str(label), values, overrides, notes)
        executors[str(label)] = _with_whole_paths(executor, folder or Path.cwd())
    if overrides:
        unknown = ", ".join(sorted(overrides))
        raise DefinitionError(
            f"--cluster {unknown}",
            f"no such executor; {where} has {', '.join(executors)}",
        )
    return ExecutorsFile(executors, where, tuple(notes))


_EXAMPLE = 'e.g. {"myexecutor_1": {"cluster": "onprem", "partition": "compute"}}'


def _read(source: str | Path | Mapping[str, Any]) -> tuple[str, Any]:
    if isinstance(source, Mapping):
        return "executors", source
    path = Path(source).expanduser()
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DefinitionError(str(path), f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DefinitionError(str(path), "is not a text file") from error
    try:
        if path.suffix == ".json":
            return str(path), json.loads(text, object_pairs_hook=_no_duplicates)
        return str(path), yaml.safe_load(text)
    except json.JSONDecodeError as error:
        raise DefinitionError(
            f"{path}:{error.lineno}", f"is not JSON: {error.msg} (column {error.colno})"
        ) from error
    except ValueError as error:
        raise DefinitionError(str(path), str(error)) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = f"{path}:{mark.line + 1}" if mark else str(path)
        raise DefinitionError(at, f"is not YAML: {getattr(error, 'problem', error)}") from error


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


def _with_whole_paths(executor: ExecutorDefinition, folder: Path) -> ExecutorDefinition:
    include = tuple(str(folder / Path(path).expanduser()) for path in executor.include)
    return executor.model_copy(update={"include": include})


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
