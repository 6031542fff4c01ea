"""``towline workflow import``: a form of 2022 becomes a workflow, with a word on every line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from towline.cli import _output as output
from towline.cli._output import JsonOption


def import_(
    path: Annotated[
        Path,
        typer.Argument(
            help="A workflow.xml, a folder with one, or an executors.json beside its main.py.",
            show_default=False,
        ),
    ],
    into: Annotated[
        Path | None,
        typer.Option(
            help="New folder, with a copy of all that lies beside the form. "
            "Default: workflow.yaml is written beside it.",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make a workflow of a 2022 form (workflow.xml) and its executors.json.

    Nothing is dropped in silence: each parameter, attribute and key is listed with its line, and
    what became of it.
    """
    from towline.workflows.importers import Fate, import_workflow

    imported = import_workflow(path, into)
    counts = {fate: imported.count(fate) for fate in Fate}
    if json:
        output.print_json(
            {
                "folder": imported.folder,
                "title": imported.definition.title,
                "counts": {fate.value: count for fate, count in counts.items()},
                "report": [line.as_dict() for line in imported.report],
            }
        )
        return
    rows: list[tuple[Any, ...]] = [
        (line.file if line.line is None else f"{line.file}:{line.line}", line.fate.value,
         line.what, line.how)
        for line in imported.report
    ]  # fmt: skip
    output.print_table(("where", "became", "what", "how"), rows)
    typer.echo(
        f"\n{imported.folder / 'workflow.yaml'}: "
        + ", ".join(f"{count} {fate.value}" for fate, count in counts.items()),
        err=True,
    )
    typer.echo(f"next: towline workflow add {imported.folder}", err=True)
