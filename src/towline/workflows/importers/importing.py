"""Make a workflow's folder of a ``workflow.xml`` and what lies beside it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from towline.errors import DefinitionError
from towline.workflows.definition import FILE, WorkflowDefinition, parse_definition
from towline.workflows.importers.beside import (
    FORM,
    GITHUB,
    LOCAL_CONF,
    read_github,
    read_local_conf,
    thumbnail_of,
)
from towline.workflows.importers.command import MAIN
from towline.workflows.importers.executors_2022 import OVERRIDE, read_executors
from towline.workflows.importers.report import Fate, Report, ReportLine
from towline.workflows.importers.tool import read_tool
from towline.workflows.importers.xml_tree import read_xml

README = "README.md"
EXECUTORS = "executors.json"
_NOT_COPIED = (".git", "__pycache__", "*.pyc", ".ipynb_checkpoints")


@dataclass(frozen=True)
class Imported:
    """What an import has made.

    Attributes:
        folder: the workflow's, with its ``workflow.yaml``.
        text: of that file.
        definition: what it says.
        report: what became of each thing in the old files.

    """

    folder: Path
    text: str
    definition: WorkflowDefinition
    report: tuple[ReportLine, ...]

    def count(self, fate: Fate) -> int:
        """Return how many things came to that."""
        return sum(line.fate is fate for line in self.report)


def import_workflow(path: Path, into: Path | None = None) -> Imported:
    """Make a workflow of a form of 2022, or of a folder that has one.

    Nothing is changed or made unless all of it can be read.

    Args:
        path: a ``workflow.xml``, or a folder with one (``github.json`` may say which file it is);
            or an ``executors.json`` with a ``main.py`` beside it and no form.
        into: a new folder for the workflow, with a copy of everything beside the form; without
            it, ``workflow.yaml`` is written beside the form.

    Raises:
        DefinitionError: there is no form, it cannot be read (with the line), or the place is taken.

    """
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        raise DefinitionError(str(path), "there is no such file or folder")
    place = into or folder
    _check_place(place, new=into is not None, source=folder)
    github = Report(GITHUB)
    named = read_github(folder, github)
    form = _form_of(path, named.get("xml"))
    reports = [github]
    new = _read(form, folder, reports, named)
    readme = new.pop("readme", None)
    report = [line for each in reports for line in each.in_order()]
    text = written(new, form.name, report)
    definition = parse_definition(text, f"{FILE} of {form.name}")
    if into is not None:
        shutil.copytree(folder, into, symlinks=True, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    if readme and not (place / README).exists():
        (place / README).write_text(f"{readme}\n", encoding="utf-8")
    (place / FILE).write_text(text, encoding="utf-8")
    return Imported(place, text, definition, tuple(report))


def _check_place(place: Path, *, new: bool, source: Path) -> None:
    if (place / FILE).exists():
        raise DefinitionError(
            str(place / FILE), "is there already, and is not written over", "--into ANOTHER_FOLDER"
        )
    if not new:
        return
    if place.exists():
        raise DefinitionError(str(place), "is there already", "name a folder that is not")
    if source.resolve() in place.resolve().parents:
        raise DefinitionError(str(place), f"lies within {source}, of which it is to be a copy")


def _form_of(path: Path, named: str | None) -> Path:
    if not path.is_dir():
        return path
    if (path / EXECUTORS).is_file() and not named and not any(path.glob("*.xml")):
        return path / EXECUTORS
    if named:
        return path / named
    if (path / FORM).is_file():
        return path / FORM
    forms = sorted(path.glob("*.xml"))
    if len(forms) == 1:
        return forms[0]
    several = ", ".join(form.name for form in forms[:9])
    raise DefinitionError(
        str(path),
        f"has several forms: {several}" if forms else f"has no {FORM}",
        "towline workflow import FILE.xml",
    )


def _read(form: Path, folder: Path, reports: list[Report], named: dict[str, str]) -> dict[str, Any]:
    report = Report(form.name)
    reports.append(report)
    files = {each.name for each in folder.iterdir()}
    if form.suffix == ".json":
        return _without_form(form, files, reports)
    new = read_tool(read_xml(form), folder.resolve().name, files, report)
    how = "they reach the script as they are, not as ___; code that undoes that does no harm"
    report.changed(None, "spaces in values", how)
    beside = Report("files")
    reports.append(beside)
    if picture := thumbnail_of(folder, named.get("thumbnail"), new["title"], beside):
        new["thumbnail"] = picture
    source = folder / (OVERRIDE if (folder / OVERRIDE).is_file() else EXECUTORS)
    if source.is_file():
        _add_executors(source, new, reports)
    _add_environment(folder, new, reports)
    return new


def _without_form(source: Path, files: set[str], reports: list[Report]) -> dict[str, Any]:
    """Return a workflow that asks nothing: executor definitions and their script."""
    if MAIN not in files:
        raise DefinitionError(
            str(source),
            f"has neither a form nor a {MAIN} beside it",
            f"towline run SCRIPT --executors {source} takes it as it is",
        )
    reports[-1].changed(None, "no form", f"it asks nothing, and runs {MAIN}")
    new: dict[str, Any] = {"title": source.resolve().parent.name, "run": ["python", MAIN]}
    _add_executors(source, new, reports)
    _add_environment(source.parent, new, reports)
    return new


def _add_executors(source: Path, new: dict[str, Any], reports: list[Report]) -> None:
    report = Report(source.name)
    reports.append(report)
    if found := read_executors(source, report):
        new["executors"] = found


def _add_environment(folder: Path, new: dict[str, Any], reports: list[Report]) -> None:
    local = Report(LOCAL_CONF)
    reports.append(local)
    if environment := read_local_conf(folder, local):
        new["environment"] = environment


def written(new: dict[str, Any], form: str, report: Iterable[ReportLine]) -> str:
    """Return the text of a ``workflow.yaml``, headed by what could not be carried over."""
    order = ("title", "description", "thumbnail", "inputs", "executors", "environment", "run",
             "arguments", "outputs")  # fmt: skip
    ordered = {key: new[key] for key in order if key in new and (new[key] or key == "arguments")}
    lost = [str(line) for line in report if line.fate is not Fate.CARRIED]
    head = [f"Imported from {form}.", *(["What is not as it was:"] if lost else []), *lost]
    comments = "".join(f"# {' '.join(line.split())}\n" for line in head)
    body: str = yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=100)
    return f"{comments}\n{body}"
