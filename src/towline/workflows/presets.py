"""Named sets of inputs: the workflow's own, and those that a user keeps."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from towline import folders
from towline.clusters import suggestion
from towline.errors import DefinitionError, InputProblem, InputsWrong, WorkflowNotFound
from towline.workflows._spelling import INPUT_NAME
from towline.workflows.definition import WorkflowDefinition
from towline.workflows.inputs import merged, preset_problems

MOST = 200
"""Presets that a user keeps of one workflow."""


MOST_BYTES = 1 << 20
"""Of all of them together."""


class Presets:
    """The presets that one user keeps: ``<state>/presets/<user>/<workflow>.json``.

    Safe among threads and processes. No preset holds a secret.

    Args:
        owner: the user; default: the one whose process this is.

    """

    def __init__(self, owner: str | None = None) -> None:
        user = owner or getpass.getuser()
        # A user's name may hold what a path may not.
        self.folder = presets_folder() / hashlib.sha256(user.encode()).hexdigest()[:32]

    def of(self, workflow: str) -> dict[str, dict[str, Any]]:
        """Return what is kept for a workflow, by name."""
        try:
            found = json.loads(self._file(workflow).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def keep(
        self, workflow: str, definition: WorkflowDefinition, name: str, values: Mapping[str, Any]
    ) -> None:
        """Keep inputs under a name, in place of what it had.

        Raises:
            InputsWrong: they do not fit the form, or hold a secret; they need not be complete.
            DefinitionError: the name cannot be one, is the workflow's own, or there are too many.

        """
        if not INPUT_NAME.fullmatch(name):
            raise DefinitionError(
                f"preset {name[:100]}", "a name is a letter or _, then letters, digits, _ and -"
            )
        if name in definition.presets:
            raise DefinitionError(f"preset {name}", "is the workflow's own; choose another name")
        if problems := preset_problems(definition, values):
            raise InputsWrong("preset", problems)
        with self._changing(workflow) as kept:
            kept[name] = dict(values)
            if len(kept) > MOST or len(json.dumps(kept)) > MOST_BYTES:
                raise DefinitionError(f"preset {name}", "you keep too many already; delete some")

    def delete(self, workflow: str, name: str) -> None:
        """Forget a preset.

        Raises:
            WorkflowNotFound: there is none of this name.

        """
        with self._changing(workflow) as kept:
            if kept.pop(name, None) is None:
                raise WorkflowNotFound(f"preset {name[:100]}", "you keep none of this name")

    @contextlib.contextmanager
    def _changing(self, workflow: str) -> Iterator[dict[str, Any]]:
        file = self._file(workflow)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            kept = self.of(workflow)
            yield kept
            new = file.with_name(f".{file.name}.{os.getpid()}")
            new.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
            new.replace(file)
        finally:
            os.close(lock)

    def _file(self, workflow: str) -> Path:
        return self.folder / f"{workflow}.json"


def presets_folder() -> Path:
    """Return the folder of what all users keep."""
    return folders.state_folder() / "presets"


def forget_presets(workflow: str) -> None:
    """Forget what all users keep for a workflow that is gone."""
    for file in presets_folder().glob(f"*/{workflow}.json"):
        file.unlink(missing_ok=True)


def with_preset(
    definition: WorkflowDefinition,
    preset: str | None,
    values: Mapping[str, Any],
    kept: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return values laid over those of a preset; groups are merged.

    Args:
        definition: the workflow's, with presets of its own.
        preset: which; None: none.
        values: what was given.
        kept: the user's presets.

    Raises:
        InputsWrong: there is no such preset.

    """
    if preset is None:
        return dict(values)
    known: dict[str, Mapping[str, Any]] = {**(kept or {}), **definition.presets}
    if preset not in known:
        hint = suggestion(preset[:100], known) or f" (there are: {', '.join(known) or 'none'})"
        raise InputsWrong("preset", [InputProblem((), f"there is none called '{preset}'{hint}")])
    return merged(known[preset], values)
