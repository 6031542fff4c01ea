"""``executors.json`` of 2022 as it stands under ``executors:``, each key reported."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from towline.engine.definitions import ExecutorDefinition, load_executors
from towline.engine.definitions.talk_keys import IGNORED_TALK_KEYS, TALK_KEYS, TALK_PROVIDERS
from towline.errors import DefinitionError
from towline.workflows.importers.report import Report

OVERRIDE = "executors.override.json"
"""In 2022 it replaced ``executors.json`` where it was there."""

HOME = ("__POOLWORKDIR__", "__WORKDIR__", "__workdir__")
"""Placeholders for the user's folder on the cluster: ``~``."""

GONE = {
    "__job_number__": "each run has a folder of its own there anyway",
    "__USER__": "write `~`, or the user's name as it is on that cluster",
    "__PW_USER__": "write `~`, or the user's name as it is on that cluster",
}
"""Placeholders for which nothing can be put."""

LEFT_OUT = {
    "REQUIRED": "every cluster of a workflow is needed: a start without one ends with an error",
    "GSSAPI_AUTH": "your own OpenSSH logs in, with Kerberos where its configuration says so",
    "ADDRESS": "the address that nodes dial is found, or `address` in the cluster's definition",
    "WORKDIR": "the cluster's definition has `root`",
    "CPUS_PER_NODE": "ask with CORES_PER_NODE",
    "REMOTE_CONDA_ENV": "its later name is CONDA_ENV",
    "REMOTE_CONDA_DIR": "its later name is CONDA_DIR",
}
PROVIDERS = ("SlurmProvider", "PBSProProvider", "TorqueProvider", "LSFProvider")
"""Nested keyword arguments of Parsl's providers (2023)."""
PROVIDER_KEYS = {
    "nodes_per_block": "nodes",
    "cpus_per_node": "cores_per_node",
    "queue": "partition",
}


def read_executors(path: Path, report: Report) -> dict[str, dict[str, Any]]:
    """Return label -> our keys, checked as a run would check them.

    Raises:
        DefinitionError: the file is no JSON, or no mapping of labels to definitions.

    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DefinitionError(str(path), f"cannot be read: {error}") from error
    except (json.JSONDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise DefinitionError(f"{path}:{line}", f"is not JSON: {error}") from error
    if not isinstance(raw, Mapping) or not all(isinstance(each, Mapping) for each in raw.values()):
        raise DefinitionError(str(path), "must map executor labels to definitions")
    found = {str(label): _executor(str(label), keys, report) for label, keys in raw.items()}
    return {label: keys for label, keys in found.items() if _holds(label, keys, path, report)}


def _executor(label: str, keys: Mapping[str, Any], report: Report) -> dict[str, Any]:
    new: dict[str, Any] = {}
    for key, value in keys.items():
        if key in PROVIDERS and isinstance(value, Mapping):
            for inner, each in value.items():
                _key(
                    f"{label}.{key}.{inner}",
                    PROVIDER_KEYS.get(str(inner), str(inner)),
                    each,
                    new,
                    report,
                )
        else:
            _key(f"{label}.{key}", str(key), value, new, report)
    return new


def _key(what: str, key: str, value: Any, new: dict[str, Any], report: Report) -> None:
    name = TALK_KEYS.get(key.upper(), key.lower())
    if why := {**IGNORED_TALK_KEYS, **LEFT_OUT}.get(key.upper()):
        report.left_out(None, what, why)
    elif name not in ExecutorDefinition.model_fields:
        how = "no such key; what only your own code reads belongs into the form, or into a file"
        report.left_out(None, f"{what}={value!r}", how)
    elif name in new:
        report.left_out(None, f"{what}={value!r}", f"{name} is there already")
    else:
        _take(what, name, value, new, report)


def _take(what: str, name: str, value: Any, new: dict[str, Any], report: Report) -> None:
    told = _plain(name, value)
    if why := next((GONE[word] for word in GONE if word in str(told)), None):
        report.left_out(None, f"{what}={value!r}", why)
        return
    if name == "walltime" and isinstance(told, str) and not told.count(":"):
        told = f"{told}:00:00" if told.isdigit() else told
    new[name] = told
    how = f"{name}: {told}"
    if name == "cluster":
        how += f"; define it: towline cluster add {told}"
    if isinstance(value, str) and any(placeholder in value for placeholder in HOME):
        report.changed(None, what, how)
    else:
        report.carried(None, what, how)


def _plain(name: str, value: Any) -> Any:
    """Return a value as it was before everything became a string."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    for placeholder in HOME:
        text = text.replace(placeholder, "~")
    if name == "provider":
        return TALK_PROVIDERS.get(text, text.lower())
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text.isdigit() and name not in ("walltime", "cluster", "partition", "account", "qos"):
        return int(text)
    if name in ("cores_per_worker", "mem_per_worker"):
        try:
            return float(text)
        except ValueError:
            return text
    return text


def _holds(label: str, keys: dict[str, Any], path: Path, report: Report) -> bool:
    """Take out the keys that do not hold, until the definition does."""
    if "cluster" not in keys:
        report.left_out(None, f"{label}", "it names no POOL: give it `cluster`, and import again")
        return False
    while True:
        try:
            load_executors({label: keys}, folder=path.parent)
        except DefinitionError as error:
            key = error.thing.rpartition(".")[2]
            if key not in keys or key == "cluster":
                report.left_out(None, label, error.cause)
                return False
            report.left_out(None, f"{label}: {key}={keys.pop(key)!r}", error.cause)
        else:
            return True
