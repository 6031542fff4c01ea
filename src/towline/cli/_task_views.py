"""What ``towline run tasks`` and ``timeline`` print."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import typer

from towline.cli import _output as output
from towline.runs.render import Line, plain
from towline.runs.tasks import TaskTry
from towline.runs.tasks.table import Spread, Summary, as_record
from towline.runs.tasks.words import counts, memory, short_time, size

COLUMNS = (
    *("task", "try", "app", "state", "cluster", "node", "worker"),
    *("queued", "ran", "cpu", "memory", "error"),
)
NUMBERS = ("task", "try", "queued", "ran", "cpu", "memory")
SUMMARY_COLUMNS = (
    *("app", "cluster", "tasks", "done", "failed", "lost", "again"),
    *("queued", "p95", "ran", "p95 ", "cpu", "memory"),
)

record = as_record


def print_tries(shown: Sequence[TaskTry], chosen: Sequence[TaskTry], empty: str) -> None:
    """Print a line a try, and what they come to on stderr."""
    output.print_table(COLUMNS, [_row(each) for each in shown], empty=empty, numbers=NUMBERS)
    if shown:
        words = counts(chosen)
        if len(shown) < len(chosen):
            words += f"; {len(shown):,} of {len(chosen):,} tries shown, --limit 0 shows all"
        typer.echo(words, err=True)


def _row(each: TaskTry) -> list[str]:
    return [
        each.task,
        str(each.number),
        each.app,
        each.state.value,
        each.cluster,
        each.host,
        f"{each.block}/{each.worker}" if each.block else each.worker,
        short_time(each.queued),
        short_time(each.seconds),
        short_time(each.cpu),
        memory(each),
        f"{each.error}: {each.text}"[:60] if each.error else each.text,
    ]


def print_summary(rows: Sequence[Summary], empty: str) -> None:
    """Print a line for each app on each cluster; times are median and 95th percentile."""
    lines = [
        [
            *(row.app, row.cluster, row.tasks, row.done, row.failed, row.lost, row.again),
            *_spread(row.queued),
            *_spread(row.ran),
            short_time(row.cpu),
            size(row.memory),
        ]
        for row in rows
    ]
    output.print_table(SUMMARY_COLUMNS, lines, empty=empty, numbers=SUMMARY_COLUMNS[2:])


def _spread(spread: Spread | None) -> tuple[str, str]:
    if spread is None:
        return "", ""
    return short_time(spread.median), short_time(spread.p95)


def summaries_json(rows: Sequence[Summary]) -> list[dict[str, Any]]:
    """Return summaries for programs: flat, in seconds and bytes."""
    found = []
    for row in rows:
        facts = asdict(row)
        for name in ("queued", "ran"):
            spread = facts.pop(name) or {}
            facts |= {f"{name}_{part}": spread.get(part) for part in ("median", "p95")}
        found.append(facts)
    return found


def print_csv(records: Sequence[Mapping[str, Any]]) -> None:
    """Print records as CSV under their names; what is not known is empty."""
    if records:
        writer = csv.DictWriter(sys.stdout, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)


def print_lines(lines: Sequence[Line]) -> None:
    """Print lines, with their styles on a terminal."""
    if not output.on_terminal():
        for line in lines:
            typer.echo(plain(line).rstrip())
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    for line in lines:
        console.print(Text.assemble(*line), no_wrap=True, overflow="crop", crop=False)
