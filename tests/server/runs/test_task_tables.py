"""Tables of tasks: read once for many pages, and not kept for ever."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from towline.server import task_tables
from towline.server.task_tables import TaskTables

pytestmark = pytest.mark.anyio


def write(folder: Path, tasks: int) -> None:
    """Write records of tasks that are done."""
    folder.mkdir(exist_ok=True)
    rows = []
    for task in range(tasks):
        rows.append({"time": 1.0, "task": task, "state": "launched", "app": "a", "executor": "e"})
        rows.append({"time": 2.0, "task": task, "state": "done"})
    (folder / "1.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


async def test_many_pages_read_the_files_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when they are asked for at the same moment; what has changed is read again."""
    folder, tables, read = tmp_path / "tasks", TaskTables(), []
    real = task_tables.read_tries

    def counted(folder: Path, *, over: bool) -> object:
        read.append(folder)
        return real(folder, over=over)

    monkeypatch.setattr(task_tables, "read_tries", counted)
    write(folder, 3)
    found = await asyncio.gather(*(tables.tries(folder, over=True) for _ in range(5)))
    assert [len(tries) for tries in found] == [3] * 5
    assert len(read) == 1
    write(folder, 4)
    assert len(await tables.tries(folder, over=True)) == 4


async def test_what_nobody_asks_for_any_more_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables of large runs do not stay in memory."""
    monkeypatch.setattr(task_tables, "KEPT_SECONDS", 0.01)
    tables = TaskTables()
    write(tmp_path / "tasks", 3)
    await tables.tries(tmp_path / "tasks", over=True)

    async def dropped() -> None:
        while len(tables):
            await asyncio.sleep(0.01)

    await asyncio.wait_for(dropped(), 30)


async def test_only_so_many_tries_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table that was asked for last stays, however large it is."""
    monkeypatch.setattr(task_tables, "MOST_KEPT", 5)
    tables = TaskTables()
    for name in ("a", "b", "c"):
        write(tmp_path / name, 4)
        assert len(await tables.tries(tmp_path / name, over=True)) == 4
    assert len(tables) == 1


async def test_a_run_without_records_has_no_tasks(tmp_path: Path) -> None:
    """It may have called no app."""
    assert await TaskTables().tries(tmp_path / "none", over=True) == []
