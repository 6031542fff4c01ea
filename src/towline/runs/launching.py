"""A workflow becomes a run: everything is checked, then copied, then started."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from towline.errors import RunError
from towline.runs.deleting import discard
from towline.runs.folder import RunFolder, runs_folder, write_whole
from towline.runs.plan import Plan, check_cluster_fields, plan_of
from towline.runs.spawn import start_detached, start_supervisor
from towline.workflows import CheckedInputs, Installed, check_inputs
from towline.workflows.files import FOLDER as INPUTS
from towline.workflows.files import (
    Copies,
    FindFile,
    copy_files,
    find_files,
    local_file,
    names_of_copies,
    renamed,
)
from towline.workflows.presets import Presets, with_preset
from towline.workflows.sources.tree import copy_tree


@dataclass(frozen=True)
class Prepared:
    """A run that is ready to be started; ``secrets`` are in memory only, and never shown."""

    folder: RunFolder
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)


def prepare(
    installed: Installed,
    values: Mapping[str, Any],
    *,
    clusters: Mapping[str, str] | None = None,
    owner: str | None = None,
    preset: str | None = None,
    title: str | None = None,
    again_of: int | None = None,
    find_file: FindFile = local_file,
) -> Prepared:
    """Check everything that can be checked, then make the run's folder.

    Args:
        installed: the workflow, and which version of it.
        values: its inputs; laid over those of the preset.
        clusters: executor label -> cluster name, in place of the definition's and the form's.
        owner: the user whose run it is, on a server.
        preset: a named set of inputs: the workflow's own, or one that the owner keeps.
        title: what people call the run.
        again_of: number of the run that this one repeats.
        find_file: finds the file behind a value of a file field. The default takes any path of
            this machine: not for values that came over the network.

    Raises:
        InputsWrong: the inputs do not fit; nothing was made.
        DefinitionError: a cluster or an executor is wrong; nothing was made.
        RunError: the folder cannot be made; nothing of it remains.

    """
    finder = _also_of_run(find_file, again_of)
    checked, files, plan = _checked(installed, values, clusters, owner, preset, finder)
    folder = RunFolder.create(
        plan.script,
        plan.argv,
        in_work=True,
        executors=Path(plan.executors) if plan.executors else None,
        clusters=plan.clusters,
        command=plan.command,
        environment=plan.environment,
        on=plan.on,
        owner=owner,
        title=title,
        workflow={
            "name": installed.name,
            "version": installed.version,
            "digest": installed.digest,
        },
        inputs=checked.kept(),
        outputs=list(installed.definition.outputs),
        again_of=again_of,
        uses=list(plan.uses),
    )
    try:
        _fill(folder, installed, checked, files, plan)
    except BaseException as error:
        _take_back(folder)
        if isinstance(error, OSError):
            raise RunError(
                f"run folder {folder.path}",
                f"it cannot be filled: {error.strerror or error}",
                "make room there, or point TOWLINE_HOME at a folder on another disk",
            ) from error
        raise
    return Prepared(folder, checked.secrets)


def check(
    installed: Installed,
    values: Mapping[str, Any],
    *,
    clusters: Mapping[str, str] | None = None,
    owner: str | None = None,
    preset: str | None = None,
    find_file: FindFile = local_file,
) -> CheckedInputs:
    """Check all that `prepare` would, and make nothing; its arguments and errors are the same."""
    return _checked(installed, values, clusters, owner, preset, find_file)[0]


def start(prepared: Prepared) -> RunFolder:
    """Start a prepared run, detached; it no longer needs this process when this returns.

    Raises:
        RunError: its supervisor does not start; the run has then ended.

    """
    start_detached(prepared.folder, prepared.secrets)
    return prepared.folder


def start_process(prepared: Prepared) -> subprocess.Popen[bytes]:
    """Start a prepared run's supervisor without waiting for its first word.

    Raises:
        RunError: no process can be started.

    """
    return start_supervisor(prepared.folder, prepared.secrets)


def _checked(
    installed: Installed,
    values: Mapping[str, Any],
    clusters: Mapping[str, str] | None,
    owner: str | None,
    preset: str | None,
    find_file: FindFile,
) -> tuple[CheckedInputs, dict[Any, Path], Plan]:
    definition = installed.definition
    checked = check_inputs(definition, _preset_and(installed, owner, preset, values))
    files = find_files(definition.inputs, checked.values, find_file)
    check_cluster_fields(definition.inputs, checked.values)
    checked = replace(checked, values=renamed(checked.values, names_of_copies(files)))
    return checked, files, plan_of(installed, checked, dict(clusters or {}))


def _fill(
    folder: RunFolder, installed: Installed, checked: CheckedInputs, files: Copies, plan: Plan
) -> None:
    """Put everything into the run's folder that its script will find there."""
    folder.work.mkdir(mode=0o700)
    copy_tree(installed.folder, folder.work, installed.name)
    copy_files(files, folder.work)
    write_whole(folder.inputs_json, json.dumps(checked.values, indent=1, ensure_ascii=False) + "\n")
    for name, content in plan.files.items():
        write_whole(folder.work / name, json.dumps(content, indent=1) + "\n")
    if plan.batch is not None:
        from towline.runs.batch_job import request_path

        replace(plan.batch, inputs=str(folder.inputs_json)).write(request_path(folder))


def _preset_and(
    installed: Installed, owner: str | None, preset: str | None, values: Mapping[str, Any]
) -> dict[str, Any]:
    kept = Presets(owner).of(installed.name) if preset is not None else {}
    return with_preset(installed.definition, preset, values, kept)


def _take_back(folder: RunFolder) -> None:
    """Remove the folder of a run that cannot be made; its number is not given again."""
    with contextlib.suppress(OSError, RunError):
        discard(folder)


def _also_of_run(find: FindFile, number: int | None) -> FindFile:
    """Return what finds files among those of an earlier run as well, as its record names them."""
    if number is None:
        return find
    work = (runs_folder() / str(number) / "work").resolve()

    def find_either(text: str) -> Path:
        if not text.startswith(f"{INPUTS}/"):
            return find(text)
        path = (work / text).resolve()
        if path.is_relative_to(work / INPUTS) and path.is_file():
            return path
        raise ValueError(f"named a file of run {number}, which is not there any more: give it anew")

    return find_either
