"""A launch whose server died at any moment: found again where it ran, made where it did not."""

from __future__ import annotations

import dataclasses
import errno
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.runs.conftest import kill_run, until
from towline.errors import RunError
from towline.runs import RunFolder, RunState, runs_folder
from towline.runs.folder import write_whole
from towline.runs.launching import Prepared, prepare, start
from towline.server.idempotency import Idempotency
from towline.server.index import ChangeHub, RunIndex
from towline.server.launcher import MARK, Launch, Launcher, without_secrets
from towline.server.problems import ProblemError
from towline.store import IdempotencyKey, Store, utc_now
from towline.workflows import Catalog, FromPath, parse_definition
from towline.workflows.files import local_file

pytestmark = pytest.mark.anyio


@pytest.fixture
def launch(home: Path, tmp_path: Path) -> Launch:
    """Install a workflow; return a launch of it."""
    source = tmp_path / "quick"
    source.mkdir()
    (source / "main.py").write_text("print('quick')")
    (source / "workflow.yaml").write_text("run: [python, main.py]\n")
    return Launch(Catalog().add(FromPath(source)), {}, "ann", local_file, {})


@pytest.fixture
async def index(store: Store) -> AsyncIterator[RunIndex]:
    """Start an index, as a server that starts anew does."""
    index = RunIndex(runs_folder(), store, ChangeHub())
    await index.start()
    yield index
    await index.close()
    for folder in RunFolder.all():
        kill_run(folder)


async def asked_before(store: Store, launch: Launch) -> None:
    """Leave the row of a request whose answer was never stored."""
    async with store.writing() as session:
        row = {"owner": "ann", "key": "k", "digest": launch.digest(), "created": utc_now()}
        session.add(IdempotencyKey(**row))


def made(launch: Launch) -> RunFolder:
    """Make and mark a run, as a launch does before it starts it, in a process that dies then."""
    prepared = prepare(launch.installed, launch.inputs, owner="ann")
    record = json.loads(prepared.folder.run_json.read_text())
    record["creator"]["started"] = "0"
    prepared.folder.run_json.write_text(json.dumps(record))
    mark = {"owner": "ann", "key": "k"}
    write_whole(prepared.folder.path / MARK, json.dumps(mark))
    return prepared.folder


async def test_a_run_that_was_started_before_the_server_died_is_the_answer(
    store: Store, index: RunIndex, launch: Launch
) -> None:
    """Its mark is in its folder; nothing is launched a second time."""
    await asked_before(store, launch)
    folder = made(launch)
    start(Prepared(RunFolder(folder.path)))
    await until("it has ended", lambda: (r := index.get(folder.number)) and r.final)
    answer = await Launcher(index, Idempotency(store)).launch(launch, "k")
    assert (answer.body["number"], answer.repeated) == (folder.number, True)
    assert len(RunFolder.all()) == 1


async def test_a_run_that_was_made_but_never_started_is_no_answer(
    store: Store, index: RunIndex, launch: Launch
) -> None:
    """Nothing of it ran, and it ends as lost: the launch is done now."""
    await asked_before(store, launch)
    folder = made(launch)
    answer = await Launcher(index, Idempotency(store)).launch(launch, "k")
    assert not answer.repeated
    number = answer.body["number"]
    assert number != folder.number
    assert [event.name for event in folder.events.read()] == ["created", "reaping", "ended"]
    await until("it has ended", lambda: (r := index.get(number)) and r.final)
    run = index.get(number)
    assert run is not None
    assert run.state is RunState.SUCCEEDED


async def test_a_launch_whose_supervisor_is_late_is_not_done_twice(
    store: Store, index: RunIndex, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine with too much to do: it was given up, and comes up after all."""
    kept: list[Prepared] = []

    def late(prepared: Prepared) -> RunFolder:
        kept.append(prepared)
        raise RunError("run 1", "its supervisor has not spoken for 30 s")

    launcher = Launcher(index, Idempotency(store))
    with monkeypatch.context() as patch, pytest.raises(ProblemError) as caught:
        patch.setattr("towline.server.launcher.start", late)
        await launcher.launch(launch, "k")
    assert (caught.value.status, caught.value.code) == (503, "run-not-started")
    start(kept[0])
    answer = await launcher.launch(launch, "k")
    assert (answer.body["number"], answer.repeated) == (kept[0].folder.number, True)
    assert len(RunFolder.all()) == 1


async def test_a_run_that_cannot_be_marked_is_taken_back(
    store: Store, index: RunIndex, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full: nothing stays, and the key may be used again."""

    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    launcher = Launcher(index, Idempotency(store))
    with (
        monkeypatch.context() as patch,
        pytest.raises(RunError, match="it cannot be filled: No space left"),
    ):
        patch.setattr("towline.server.launcher.write_whole", full)
        await launcher.launch(launch, "k")
    assert RunFolder.all() == []
    assert not (await launcher.launch(launch, "k")).repeated


async def test_anothers_run_of_the_same_key_is_no_answer(
    store: Store, index: RunIndex, launch: Launch
) -> None:
    """Keys belong to users."""
    folder = made(launch)
    launcher = Launcher(index, Idempotency(store))
    answer = await launcher.launch(dataclasses.replace(launch, owner="ben"), "k")
    assert answer.body["owner"] == "ben"
    assert answer.body["number"] != folder.number
    number = answer.body["number"]
    await until("it has ended", lambda: (r := index.get(number)) and r.final)


def test_no_digest_of_a_secret_is_made() -> None:
    """Who reads the database cannot try passwords on it."""
    definition = parse_definition(
        "run: [python, main.py]\n"
        "inputs:\n"
        "  name: {type: string}\n"
        "  pin: {type: secret}\n"
        "  login: {type: group, inputs: {user: {type: string}, pin: {type: secret}}}\n",
        "workflow.yaml",
    )
    given = {"name": "a", "pin": "1234", "login": {"user": "u", "pin": "5678"}, "other": 1}
    kept = without_secrets(definition.inputs, given)
    assert kept == {"name": "a", "login": {"user": "u"}, "other": 1}
