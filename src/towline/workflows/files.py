"""The files that inputs name: found, copied beside the script, and named anew."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from towline.errors import InputProblem, InputsWrong
from towline.workflows.fields import Fields, FileField, GroupField, InputField, ListField

FOLDER = "inputs"
"""Where the copies lie, below the run's working folder."""

FindFile = Callable[[str], Path]
"""Returns the file that a value of a file field means, or raises ValueError with the reason."""


def local_file(text: str) -> Path:
    """Return a file of this machine by its path; ``~`` is the user's home.

    Raises:
        ValueError: there is none that can be read.

    """
    path = Path(text).expanduser().absolute()
    if path.is_dir():
        raise ValueError(f"is a folder, not a file: {path}")
    if not path.is_file():
        raise ValueError(f"names no file: {path}")
    if not os.access(path, os.R_OK):
        raise ValueError(f"names a file that cannot be read: {path}")
    return path


Copies = Mapping[tuple[str | int, ...], Path]
"""The file behind each place of the inputs that names one."""


def find_files(fields: Fields, values: Mapping[str, Any], find: FindFile) -> dict[Any, Path]:
    """Return the file behind each path of the inputs.

    Raises:
        InputsWrong: one is not there, or has an ending that its field does not accept.

    """
    found: dict[tuple[str | int, ...], Path] = {}
    problems: list[InputProblem] = []
    for path, field, text in _file_values(fields, values, ()):
        try:
            file = find(text)
        except ValueError as error:
            problems.append(InputProblem(path, str(error)))
            continue
        if field.accept and not file.name.lower().endswith(tuple(e.lower() for e in field.accept)):
            message = f"must end with {' or '.join(field.accept)}, not {file.name!r}"
            problems.append(InputProblem(path, message))
        found[path] = file
    if problems:
        raise InputsWrong("inputs", problems)
    return found


def names_of_copies(found: Copies) -> dict[tuple[str | int, ...], str]:
    """Return ``inputs/<field>/<name>`` for each file: its copy below the run's working folder.

    The paths are relative, so that they hold on a cluster as well.
    """
    return {
        path: f"{FOLDER}/{'.'.join(map(str, path))}/{file.name}" for path, file in found.items()
    }


def copy_files(found: Copies, work: Path) -> None:
    """Copy files to where `names_of_copies` says, below a working folder.

    Raises:
        OSError: one cannot be copied.

    """
    for path, relative in names_of_copies(found).items():
        target = work / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found[path], target)


def renamed(values: Any, names: Mapping[tuple[str | int, ...], str], at: Any = ()) -> Any:
    """Return inputs with the value at each path replaced."""
    if at in names:
        return names[at]
    if isinstance(values, Mapping):
        return {key: renamed(value, names, (*at, key)) for key, value in values.items()}
    if isinstance(values, list):
        return [renamed(value, names, (*at, number)) for number, value in enumerate(values)]
    return values


def _file_values(
    fields: Fields, values: Mapping[str, Any], around: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], FileField, str]]:
    for name, field in fields.items():
        yield from _of(field, values.get(name), (*around, name))


def _of(
    field: InputField, value: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], FileField, str]]:
    if value is None:
        return
    if isinstance(field, FileField):
        yield path, field, str(value)
    elif isinstance(field, GroupField):
        yield from _file_values(field.inputs, value, path)
    elif isinstance(field, ListField):
        for number, item in enumerate(value):
            yield from _of(field.items, item, (*path, number))
