"""The index of runs: what it finds, what it keeps, what it notices, and whom it tells."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from tests.server.runs.conftest import Started, alive, until, waits_for
from towline.runs import RunFolder, RunState, runs_folder
from towline.server.index import Change, ChangeHub, RunIndex, rows
from towline.server.index.changes import MOST_PENDING
from towline.store import Store

pytestmark = pytest.mark.anyio


@contextlib.asynccontextmanager
async def index_of(store: Store) -> AsyncIterator[RunIndex]:
    """Start an index on the home at hand, as a server does."""
    index = RunIndex(runs_folder(), store, ChangeHub())
    await index.start()
    try:
        yield index
    finally:
        await index.close()


def ended_run(reason: str = "") -> RunFolder:
    """Make the folder of a run that has ended."""
    folder = RunFolder.create("main.py")
    folder.events.append("starting")
    folder.events.append("running")
    facts = {"seconds": 1.5, "tasks": {"done": 2, "failed": 1, "total": 3}, "clusters": ["onprem"]}
    folder.events.append("ended", state="failed", exit_code=1, reason=reason, **facts)
    return folder


async def test_a_run_of_the_command_line_is_found_and_followed_to_its_end(
    store: Store, started: Started, tmp_path: Path
) -> None:
    """Nobody tells the server of it: it shows as running, and then as succeeded."""
    async with index_of(store) as index:
        folder = started(waits_for(tmp_path / "go"))
        await until("running", lambda: (r := index.get(1)) and r.state is RunState.RUNNING)
        run = index.get(1)
        assert run is not None
        assert (run.tag, run.final, run.exit_code) == (folder.tag, False, None)
        (tmp_path / "go").touch()
        await until("its end", lambda: (r := index.get(1)) and r.final)
        run = index.get(1)
        assert run is not None
        assert (run.state, run.exit_code) == (RunState.SUCCEEDED, 0)


async def test_what_has_ended_comes_from_the_database_at_the_next_start(store: Store) -> None:
    """Its files are not read again: they may be 10,000."""
    folder = ended_run("it broke")
    async with index_of(store) as index:
        await until("it is read", lambda: index.get(1) is not None)
        await until("it is saved", lambda: not index.unsaved)
        first = index.get(1)
    folder.run_json.write_text("unreadable")
    folder.events.path.unlink()
    async with index_of(store) as index:
        assert index.get(1) == first
        assert first is not None
        assert first.as_json() == index.get(1).as_json()  # type: ignore[union-attr]
        assert (first.reason, first.done, first.clusters) == ("it broke", 2, ("onprem",))


async def test_what_was_deleted_while_no_server_ran_is_forgotten(store: Store) -> None:
    """It is neither listed nor kept in the database."""
    gone, kept = ended_run(), ended_run()
    async with index_of(store) as index:
        await until("both are read", lambda: len(index) == 2 and not index.unsaved)
    shutil.rmtree(gone.path)
    async with index_of(store) as index:
        assert [run.number for run in index.newest_first()] == [kept.number]
        await index.refresh()
        await index.save()
    assert [run.number for run in await rows.load_ended(store)] == [kept.number]


async def test_a_folder_that_was_put_back_is_read_again(store: Store) -> None:
    """Another folder under a known number is another run, as far as one can know."""
    folder = ended_run("first")
    async with index_of(store) as index:
        await until("it is read", lambda: len(index) == 1 and not index.unsaved)
    folder.events.close()
    copy = folder.path.with_name("copy")
    shutil.copytree(folder.path, copy)
    events = (copy / "events.jsonl").read_text().replace("first", "second")
    (copy / "events.jsonl").write_text(events)
    shutil.rmtree(folder.path)
    copy.rename(folder.path)
    async with index_of(store) as index:
        await until("it is read again", lambda: (r := index.get(1)) and r.reason == "second")


async def test_a_folder_is_taken_in_once_its_record_is_there(store: Store) -> None:
    """Between mkdir and run.json there is no run yet; afterwards it is not missed."""
    async with index_of(store) as index:
        folder = ended_run()
        record = folder.run_json.read_bytes()
        folder.run_json.unlink()
        await index.refresh()
        assert index.get(1) is None
        folder.run_json.write_bytes(record)
        await index.refresh()
        assert index.get(1) is not None


async def test_what_is_no_run_is_passed_over(store: Store) -> None:
    """Other folders and files, and a run whose record is broken, hide none."""
    kept = ended_run()
    broken = ended_run()
    broken.run_json.write_text("{")
    for name in ("007", "x", ".deleting-3", "\u0663", "9" * 30):
        (runs_folder() / name).mkdir()
    (runs_folder() / "8").write_text("no folder")
    async with index_of(store) as index:
        await until("the first look", lambda: index.complete)
        await index.refresh()
        assert [run.number for run in index.newest_first()] == [kept.number]
        assert await index.find(8) is None
        assert await index.find(10**15) is None


async def test_nothing_is_read_of_a_living_run_that_has_written_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at it is one stat."""
    folder = RunFolder.create("main.py")
    async with index_of(store) as index:
        await until("it is found", lambda: index.get(1))
        monkeypatch.setattr("towline.runs.events.EventLog.read", pytest.fail)
        for _ in range(3):
            await index.refresh()
        monkeypatch.undo()
        folder.events.append("progress", done=1, failed=0, total=9)
        await index.refresh()
        run = index.get(1)
        assert run is not None
        assert run.total == 9


async def test_a_killed_supervisor_is_noticed_and_cleaned_up_after_once(
    store: Store, started: Started, tmp_path: Path
) -> None:
    """One reaper ends what is left; the run is lost, and final."""
    async with index_of(store) as index:
        folder = started(waits_for(tmp_path / "never"))
        await until("running", lambda: (r := index.get(1)) and r.state is RunState.RUNNING)
        keeper = folder.keeper()
        assert keeper is not None
        os.kill(keeper.pid, signal.SIGKILL)
        await until("its end", lambda: (r := index.get(1)) and r.final)
        run = index.get(1)
        assert run is not None
        assert run.state is RunState.LOST
    names = [event.name for event in folder.events.read()]
    assert names.count("reaping") == 1
    script = next(e.facts["pid"] for e in folder.events.read() if e.name == "running")
    assert not alive(script)


async def test_supervisors_that_have_ended_leave_no_zombies(store: Store, started: Started) -> None:
    """Those that this process has started are collected."""
    async with index_of(store) as index:
        folder = started("print('done')")
        keeper = folder.keeper()
        assert keeper is not None
        await until("its end", lambda: (r := index.get(1)) and r.final)
        await until("it is collected", lambda: not Path(f"/proc/{keeper.pid}").exists())


async def test_while_the_database_is_away_the_index_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be saved is saved later."""

    async def away(*_: object) -> None:
        raise OperationalError("insert", {}, Exception("disk I/O error"))

    async with index_of(store) as index:
        await until("the first look", lambda: index.complete)
        monkeypatch.setattr(rows, "save_ended", away)
        ended_run()
        index.hurry()
        await until("it is found", lambda: index.get(1))
        await asyncio.sleep(0)
        assert index.unsaved
        monkeypatch.undo()
        await until("it is saved", lambda: not index.unsaved)
    assert len(await rows.load_ended(store)) == 1


async def heard(hub: ChangeHub, after: str | None, count: int) -> list[Change | None]:
    """Return the next changes that a listener gets."""
    found: list[Change | None] = []
    stream = hub.listen(after, lambda change: True)
    async for change in stream:
        found.append(change)
        if len(found) == count:
            break
    await stream.aclose()
    return found


async def test_a_listener_gets_the_latest_of_each_thing() -> None:
    """Who is slow does not read what is over already."""
    hub = ChangeHub()
    stream = hub.listen(None, lambda change: True)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    for state in ("a", "b", "c"):
        hub.publish("run", "1", state)
    hub.publish("run", "2", "x")
    first, second = await waiting, await anext(stream)
    assert first is not None
    assert second is not None
    assert [(first.name, first.data), (second.name, second.data)] == [("1", "c"), ("2", "x")]
    await stream.aclose()
    assert hub.listeners == 0


async def test_a_listener_that_is_far_behind_is_told_to_look_again() -> None:
    """What it has missed is dropped, not kept for ever; nobody waits for it."""
    hub = ChangeHub()
    stream = hub.listen(None, lambda change: True)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    for number in range(MOST_PENDING + 1):
        hub.publish("run", str(number), "{}")
    assert await waiting is None
    hub.publish("run", "7", "later")
    change = await anext(stream)
    assert change is not None
    assert change.data == "later"
    await stream.aclose()


async def test_a_listener_that_comes_back_gets_what_it_missed() -> None:
    """By the id of the last change that it has seen."""
    hub = ChangeHub()
    for number in range(3):
        hub.publish("run", str(number), "{}")
    seen = hub.latest_id()
    hub.publish("run", "8", "{}")
    hub.publish("run", "9", "{}")
    assert [change and change.name for change in await heard(hub, seen, 2)] == ["8", "9"]


@pytest.mark.parametrize("after", ["other-1", "", "x", "-", "1-99999999999999999999999"])
async def test_an_id_of_another_server_means_look_again(after: str) -> None:
    """Numbers begin anew with each server; nonsense is no reason to fail."""
    hub = ChangeHub()
    hub.publish("run", "1", "{}")
    assert await heard(hub, after, 1) == [None]
