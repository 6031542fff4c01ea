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
    wanted = select(
        RunRecord.number,
        RunRecord.tag,
        RunRecord.owner,
        RunRecord.workflow,
        RunRecord.version,
        RunRecord.state,
        RunRecord.summary,
    )
    found: list[IndexedRun] = []
    shared: dict[Any, Any] = {}  # many runs have the same script, owner, clusters, reason
    async with store.session() as session:
        rows = await session.stream(wanted.execution_options(yield_per=BATCH))
        async for batch in rows.partitions():
            found += _readable(batch, shared)
    return found


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


def _readable(rows: Iterable[Any], shared: dict[Any, Any]) -> Iterator[IndexedRun]:
    def once(value: Any) -> Any:
        return shared.setdefault(value, value)

    for number, tag, owner, workflow, version, state, about in rows:
        try:
            done, failed, total = about["tasks"]
            yield IndexedRun(
                number=number,
                tag=tag,
                state=RunState(state),
                final=True,
                owner=once(owner or ""),
                title=once(about["title"]),
                workflow=once(workflow),
                version=version,
                script=once(about["script"]),
                arguments=once(tuple(about["arguments"])),
                created=about["created"],
                ended=about["ended"],
                seconds=about["seconds"],
                clusters=once(tuple(map(once, about["clusters"]))),
                done=done,
                failed=failed,
                total=total,
                exit_code=about["exit_code"],
                reason=once(about["reason"]),
                leftovers=about["leftovers"],
                again_of=about["again_of"],
                inode=about["inode"],
            )
        except (KeyError, TypeError, ValueError):
            continue  # written by another version: the folder is read again


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
