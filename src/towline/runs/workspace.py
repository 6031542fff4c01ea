"""The environment that a run's script stands on, where its executors file asks for one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from towline.errors import EnvironmentFault

DEFAULT_FILES = ("executors.json", "executors.yaml", "executors.yml")
"""Names under which executor definitions are found beside a script."""


def python_for(
    script: Path, executors: Path | None, report: Callable[..., None] | None = None
) -> str | None:
    """Return the Python of the ``WORKSPACE`` block, its environment made when it is not there.

    Args:
        script: the script to run.
        executors: its executor definitions; None: those beside it, or in the working folder.
        report: takes ``environment`` events.

    Returns:
        What starts its interpreter; None where no file, or none with such a block, is there.

    Raises:
        TowlineError: the block is wrong, or its environment cannot be made.

    """
    file = executors or executors_beside(script.absolute().parent)
    if file is None or not _may_have_block(file):
        return None
    from towline.engine import load_executors
    from towline.engine.environment_request import environment_request
    from towline.environments.local import BLOCK, start_program, workspace_environment
    from towline.environments.uv import tool

    wanted = load_executors(file).workspace
    if wanted is None:
        return None
    with suppress(EnvironmentFault):  # the script's own environment need not have it
        os.environ.setdefault(tool.VARIABLE, tool.find_uv())
    request = environment_request(BLOCK, wanted)
    return start_program(workspace_environment(request, report=report))


def notes_on(file: Any) -> tuple[str, ...]:
    """Return what is to be said when a script does not run on the environment of its file."""
    if file.workspace is None:
        return ()
    from towline.environments.local import BLOCK, runs_on_workspace_environment

    if runs_on_workspace_environment():
        return ()
    return (
        f"{file.source} has a {BLOCK} environment, but this script was not started on it; "
        "towline run starts it there",
    )


def executors_beside(folder: Path) -> Path | None:
    """Return the executor definitions in a script's folder, else in the working folder.

    Both who starts the script and the script's own ``load()`` ask here, so that they agree.
    """
    for place in (folder, Path.cwd()):
        for name in DEFAULT_FILES:
            if (place / name).is_file():
                return place / name
    return None


def clusters_beside(script: Path, overrides: Mapping[str, str]) -> set[str]:
    """Return the clusters that the definitions beside a script name; lenient and quick.

    For knowing early what a run is likely to use: the script itself reads them properly.

    Args:
        script: path of the script.
        overrides: executor label -> cluster, in place of the definitions'.

    """
    file = executors_beside(script.absolute().parent)
    try:
        text = file.read_text(encoding="utf-8") if file is not None else "{}"
        if file is not None and file.suffix != ".json":
            import yaml

            found = yaml.safe_load(text)
        else:
            found = json.loads(text)
    except Exception:  # whatever is wrong with it, the script's own load says it better
        return set()
    names: set[str] = set()
    for label, keys in found.items() if isinstance(found, dict) else ():
        for key, value in keys.items() if isinstance(keys, dict) else ():
            if str(key).lower() in ("cluster", "pool") and isinstance(value, str):
                names.add(overrides.get(str(label), value))
    return names


def _may_have_block(file: Path) -> bool:
    """Look at the text only: most files have none, and reading one properly takes a while."""
    try:
        return "WORKSPACE" in file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
