"""The ended runs in the database: read whole at the start, written in batches as runs end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import delete, insert, select

from towline.runs import RunState
from towline.server.index.entry import IndexedRun
from towline.store import RunRecord, Store

BATCH = 500


async def load_ended(store: Store) -> list[IndexedRun]:
    """Return all runs that the database knows to have ended."""
    table = RunRecord.__table__
    async with store.session() as session:
        rows = (await session.execute(select(*table.columns))).all()
    return list(_readable(rows))


async def save_ended(store: Store, runs: Sequence[IndexedRun]) -> None:
    """Write runs that have ended, in place of what was written of their numbers."""
    for start in range(0, len(runs), BATCH):
        batch = runs[start : start + BATCH]
        async with store.writing() as session:
            await session.execute(delete(RunRecord).where(_among([run.number for run in batch])))
            await session.execute(insert(RunRecord), [_row(run) for run in batch])


async def forget(store: Store, numbers: Collection[int]) -> None:
    """Remove runs that are gone."""
    left = list(numbers)
    for start in range(0, len(left), BATCH):
        async with store.writing() as session:
            await session.execute(delete(RunRecord).where(_among(left[start : start + BATCH])))


def _among(numbers: Collection[int]) -> Any:
    return RunRecord.number.in_(numbers)


def _row(run: IndexedRun) -> dict[str, Any]:
    return {
        "number": run.number,
        "tag": run.tag,
        "owner": run.owner,
        "workflow": run.workflow,
        "version": run.version,
        "state": run.state.value,
        "created": _moment(run.created),
        "ended": _moment(run.ended),
        "summary": run.summary(),
    }


def _readable(rows: Iterable[Any]) -> Iterator[IndexedRun]:
    for row in rows:
        about = row.summary
        try:
            done, failed, total = about["tasks"]
            yield IndexedRun(
                number=row.number,
                tag=row.tag,
                state=RunState(row.state),
                final=True,
                owner=row.owner or "",
                title=about["title"],
                workflow=row.workflow,
                version=row.version,
                script=about["script"],
                arguments=tuple(about["arguments"]),
                created=row.created.timestamp(),
                ended=None if row.ended is None else row.ended.timestamp(),
                seconds=about["seconds"],
                clusters=tuple(about["clusters"]),
                done=done,
                failed=failed,
                total=total,
                exit_code=about["exit_code"],
                reason=about["reason"],
                leftovers=about["leftovers"],
                again_of=about["again_of"],
                inode=about["inode"],
            )
        except (KeyError, TypeError, ValueError):
            continue  # written by another version: the folder is read again


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
