"""The argument that says which run is meant."""

from __future__ import annotations

from typing import Annotated

import typer

from towline.runs.catalog import newest
from towline.runs.folder import RunFolder


def complete_run(incomplete: str) -> list[str]:
    """Return the numbers of runs that begin like this."""
    return [str(f.number) for f in RunFolder.all() if str(f.number).startswith(incomplete)]


RUN_HELP = "Number or tag of the run"
Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help=f"{RUN_HELP}.", autocompletion=complete_run, show_default=False
    ),
]
RunOrNewest = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        help=f"{RUN_HELP}; the newest when left out.",
        autocompletion=complete_run,
        show_default=False,
    ),
]


def folder_of(run: str | None) -> RunFolder:
    """Return the run that was named; the newest when none was.

    Raises:
        RunError: there is no such run.

    """
    return newest() if run is None else RunFolder.open(run)
