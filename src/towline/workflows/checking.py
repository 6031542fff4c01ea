"""What of a workflow can be checked before it is installed or run; nothing of it is executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from towline.errors import DefinitionError
from towline.workflows.consistency import flat
from towline.workflows.definition import (
    FILE,
    WorkflowDefinition,
    has_secrets,
    load_definition,
    reference_in,
)

_SHOWN = frozenset({".svg", ".png", ".jpg", ".jpeg", ".webp"})


def check_folder(folder: Path) -> WorkflowDefinition:
    """Return the definition of a workflow's folder, when all that it names is there.

    Raises:
        DefinitionError: it has no ``workflow.yaml``, or something in it is wrong.

    """
    if not (folder / FILE).is_file():
        raise DefinitionError(
            folder.name if folder.name != "files" else "workflow",
            f"has no {FILE}: it is no workflow",
            "towline workflow new NAME makes one; towline workflow import reads a workflow.xml",
        )
    definition = load_definition(folder)
    _check_files(folder, definition)
    _check_executors(folder, definition)
    _check_batch_job(definition)
    return definition


def _check_files(folder: Path, definition: WorkflowDefinition) -> None:
    if definition.thumbnail is not None:
        path = folder / definition.thumbnail
        if not path.is_file():
            raise DefinitionError(f"{FILE}: thumbnail", f"there is no {definition.thumbnail}")
        if path.suffix.lower() not in _SHOWN:
            raise DefinitionError(
                f"{FILE}: thumbnail", f"must end with one of {', '.join(sorted(_SHOWN))}"
            )
    if script := script_of(definition.run):
        if "/" in definition.run[0] and script == definition.run[0]:
            what, path = script, folder / script
            if path.is_file() and not path.stat().st_mode & 0o100:
                raise DefinitionError(
                    f"{FILE}: run", f"{what} cannot be executed", f"chmod +x {what}"
                )
        if not (folder / script).is_file():
            raise DefinitionError(f"{FILE}: run", f"there is no {script}")


def script_of(run: tuple[str, ...]) -> str | None:
    """Return the script of a command: the word that looks like a file of the workflow."""
    if run[0].startswith("./"):
        return run[0]
    for word in run[1:]:
        if word.startswith("-"):
            return None  # `python -m package`, `bash -c …`: no file that we could name
        if Path(word).suffix in (".py", ".sh", ".bash", ".R", ".jl", ".pl"):
            return word
        return None
    return None


def _check_executors(folder: Path, definition: WorkflowDefinition) -> None:
    source = definition.executors
    if source is None:
        return
    from towline.engine.definitions import load_executors

    if isinstance(source, str):
        if not (folder / source).is_file():
            raise DefinitionError(f"{FILE}: executors", f"there is no {source}")
        load_executors(folder / source)
        return
    load_executors(_with_defaults(definition, source), folder=folder)


def _check_batch_job(definition: WorkflowDefinition) -> None:
    if definition.on is None:
        return
    from towline.engine.batch_job import check_pattern, read_on

    if has_secrets(definition.inputs):
        raise DefinitionError(
            f"{FILE}: on",
            "a batch job cannot take secrets: nothing but files could bring them to its node",
            "leave `on` out, or keep the secret on the cluster",
        )
    read_on(_with_defaults(definition, {"on": definition.on})["on"])
    for pattern in definition.outputs:
        check_pattern(pattern)


def _with_defaults(
    definition: WorkflowDefinition, executors: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return executors with each ``{input: NAME}`` as the form's default; without one, not at all.

    A cluster without a default stands as ``local``: which one it will be is not known yet.
    """
    defaults = {name: field.default for name, field in flat(definition.inputs)}
    resolved: dict[str, dict[str, Any]] = {}
    for label, keys in executors.items():
        resolved[label] = {}
        for key, value in keys.items():
            name = reference_in(value)
            plain = value if name is None else defaults.get(name)
            if plain is None and key.lower() in ("cluster", "pool"):
                plain = "local"
            if plain is not None:
                resolved[label][key] = plain
    return resolved
