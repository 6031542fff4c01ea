"""The user's cluster definitions: one YAML file each, to edit, compare and share."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from towline import folders
from towline.clusters._complaints import definition_error, problems_of, suggestion
from towline.clusters._yaml_lines import parse_mapping, read_mapping
from towline.clusters.definition import ClusterDefinition
from towline.clusters.spelling import NAME
from towline.clusters.types import UnknownType, type_named
from towline.errors import DefinitionError


class ClusterStore:
    """Cluster definitions in a folder, ``NAME.yaml`` each."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or folders.config_folder() / "clusters"

    def path(self, name: str) -> Path:
        """Return the file of a cluster, which need not exist."""
        return self.folder / f"{name}.yaml"

    def names(self) -> list[str]:
        """Return the names of all defined clusters, sorted, without reading their files."""
        files = self.folder.glob("*.yaml")
        return sorted(path.stem for path in files if not path.name.startswith("."))

    def list(self) -> list[ClusterDefinition]:
        """Return all definitions by name. Raises as `load` at the first broken file."""
        return [self.load(name) for name in self.names()]

    def load(self, name: str) -> ClusterDefinition:
        """Return one definition.

        Raises:
            DefinitionError: there is no such cluster, or its file is wrong (with the line).

        """
        if name not in self.names():
            raise self._unknown(name)
        path = self.path(name)
        read = read_mapping(path)
        stated = read.values.pop("name", name)
        if stated != name:
            raise DefinitionError(
                read.place(("name",)),
                f"name is '{stated}', but the file's name says '{name}'",
                f"remove the line, or rename the file to {stated}.yaml",
            )
        try:
            return ClusterDefinition.model_validate({"name": name, **read.values})
        except ValidationError as error:
            raise definition_error(error, read, _form_of(read.values)) from error

    def add(self, definition: ClusterDefinition, *, replace: bool = False) -> Path:
        """Write a definition and return its file.

        Args:
            definition: what to write; only what differs from the defaults stands in the file.
            replace: overwrite the definition that has this name, if there is one.

        Raises:
            DefinitionError: a cluster of this name exists, or the file cannot be written.

        """
        path = self.path(definition.name)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            _write(path, render(definition), replace=replace)
        except FileExistsError as error:
            raise DefinitionError(
                f"cluster {definition.name}",
                f"exists already: {path}",
                "edit the file, or add it again with --replace",
            ) from error
        except OSError as error:
            raise DefinitionError(str(path), f"cannot be written: {error.strerror}") from error
        return path

    def remove(self, name: str) -> None:
        """Delete a definition; the cluster itself and what runs there are not touched.

        Raises:
            DefinitionError: there is no such cluster, or the file cannot be deleted.

        """
        if name not in self.names():
            raise self._unknown(name)
        try:
            self.path(name).unlink()
        except OSError as error:
            cause = f"cannot be deleted: {error.strerror}"
            raise DefinitionError(str(self.path(name)), cause) from error

    def _unknown(self, name: str) -> DefinitionError:
        known = self.names()
        if not known:
            cause, step = "no cluster is defined yet", f"towline cluster add {name} --host HOST"
        else:
            cause = f"is not defined{suggestion(name, known)} (defined: {', '.join(known)})"
            step = "towline cluster list"
        return DefinitionError(f"cluster {name}", cause, step)


def define(name: str, **values: object) -> ClusterDefinition:
    """Return a definition made of options instead of a file.

    Raises:
        DefinitionError: in the words of the file's own checks, about ``cluster NAME``.

    """
    try:
        NAME.check(name)
        return ClusterDefinition.model_validate({"name": name, **values})
    except ValidationError as error:
        wrong = definition_error(error, parse_mapping("", Path(name)), _form_of(values))
        refused = DefinitionError(f"cluster {name}", wrong.cause)
        refused.problems = problems_of(error, _form_of(values))
        raise refused from error
    except ValueError as error:
        raise DefinitionError(f"cluster {name}", str(error)) from error


def _write(path: Path, text: str, *, replace: bool) -> None:
    """Write a file so that a reader, or a full disk, never leaves half of it."""
    target = path.resolve() if replace else path  # people keep such files elsewhere, and link them
    part = target.with_name(f".{target.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        with part.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            with contextlib.suppress(FileNotFoundError):
                shutil.copymode(target, part)
            part.replace(target)
            return
        try:
            os.link(part, path)
        except FileExistsError:
            raise
        except OSError:  # file systems without hard links: whole all the same, but not exclusive
            if os.path.lexists(path):
                raise FileExistsError(path) from None
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _form_of(values: Mapping[str, object]) -> type[ClusterDefinition]:
    with contextlib.suppress(UnknownType):
        return type_named(values.get("type", "slurm")).form
    return ClusterDefinition


def render(definition: ClusterDefinition) -> str:
    """Return a definition as the text of its file: only what differs from the defaults."""
    values = definition.model_dump(exclude_defaults=True, exclude={"name", "type"})
    text = yaml.safe_dump({"type": definition.type, **values}, sort_keys=False, allow_unicode=True)
    return f"# Cluster {definition.name}. Check it: towline cluster check {definition.name}\n{text}"
