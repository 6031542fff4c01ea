"""How every noun prints: tables, steps and JSON, for a terminal or for a pipe.

On a terminal there are colours, marks and wrapped columns, by rich, which is only imported then. In
a pipe each row is one plain line, for ``grep`` and ``awk``. Progress goes to stderr: stdout is for
what was asked.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

MARKS = {
    "ok": ("✓", "green"),
    "warn": ("!", "yellow"),
    "fail": ("✗", "red"),
    "skipped": ("-", "dim"),
}
_ASCII_MARKS = {"ok": "+", "warn": "!", "fail": "x", "skipped": "-"}


def on_terminal(stream: IO[str] | None = None) -> bool:
    """Return whether a person reads the stream (stdout by default)."""
    return (stream or sys.stdout).isatty()


def print_json(data: Any) -> None:
    """Print data as JSON, indented; what JSON does not know (paths, enums) as text."""
    typer.echo(json.dumps(data, indent=2, default=str, ensure_ascii=False))


def print_table(
    columns: Sequence[str] | None,
    rows: Sequence[Sequence[object]],
    *,
    empty: str = "",
    numbers: Sequence[str] = (),
) -> None:
    """Print rows under their columns; when there are none, the sentence `empty`.

    Args:
        columns: the headings; None: a table without.
        rows: one value a column; None is shown as nothing.
        empty: what to say, and what to do next, when there is no row.
        numbers: the columns that are set to the right.

    """
    texts = [["" if value is None else str(value) for value in row] for row in rows]
    if not texts:
        if empty:
            typer.echo(empty)
    elif on_terminal():
        _rich_table(columns, texts, numbers)
    else:
        _plain_table(columns, texts, numbers)


def _rich_table(
    columns: Sequence[str] | None, rows: Sequence[Sequence[str]], numbers: Sequence[str]
) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="bold",
        show_header=columns is not None,
    )
    for column in columns or [""] * len(rows[0]):
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(value) for value in row))
    _console(sys.stdout).print(table)


def _plain_table(
    columns: Sequence[str] | None, rows: Sequence[Sequence[str]], numbers: Sequence[str]
) -> None:
    lines = rows if columns is None else [columns, *rows]
    names = columns or [""] * len(rows[0])
    widths = [max(len(line[index]) for line in lines) for index in range(len(names))]
    for line in lines:
        cells = (
            text.rjust(width) if name in numbers else text.ljust(width)
            for text, width, name in zip(line, widths, names, strict=True)
        )
        typer.echo("  ".join(cells).rstrip())


def print_step(
    status: str, name: str, detail: str, *, seconds: float | None = None, next_step: str = ""
) -> None:
    """Print one finished step of a longer way, and below it what to do when it went wrong.

    Args:
        status: ``ok``, ``warn``, ``fail`` or ``skipped``.
        name: the step, in at most 17 characters.
        detail: what was found.
        seconds: how long it took.
        next_step: what to do or type next.

    """
    time = "" if seconds is None else f"{seconds:.2f} s"
    if not on_terminal():
        typer.echo(f"{status:<7}  {name:<17}  {time:>8}  {detail}".rstrip())
        if next_step:
            typer.echo(f"{'':<7}  {'':<17}  {'next:':>8}  {next_step}")
        return
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    mark, colour = MARKS[status]
    if not _can_print(mark):
        mark = _ASCII_MARKS[status]
    dim = "dim" if status == "skipped" else ""
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_column(width=1)
    row.add_column(width=17)
    row.add_column(width=7, justify="right")
    row.add_column(overflow="fold")
    # What went wrong gets the whole width: fingerprints and commands should stay in one piece.
    beside, below = ("", detail) if status == "fail" else (detail, "")
    row.add_row(Text(mark, colour), Text(name, dim), Text(time, "dim"), Text(beside, dim))
    console = _console(sys.stdout)
    console.print(row)
    if below:
        console.print(Padding(Text(below), (0, 0, 0, 3)))
    if next_step:
        console.print(Padding(Text.assemble("next: ", (next_step, "bold")), (0, 0, 0, 3)))


@contextmanager
def working(doing: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal what is going on until the body ends; a pipe sees nothing.

    Yields:
        What to call with another text to show.

    """
    if not on_terminal(sys.stderr):
        yield lambda text: None
        return
    with _console(sys.stderr).status(doing, spinner="dots") as status:
        yield lambda text: status.update(text)


def _console(stream: IO[str]) -> Console:
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False, emoji=False)


def _can_print(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
