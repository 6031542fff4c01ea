"""A disk that is full, broken or not to be written to is named, not taken for a fault of ours."""

from __future__ import annotations

import errno
import json
import sqlite3
import sys
from pathlib import Path

import httpx2
import pytest
from server_fixtures import ServerInTest

from towline.cli.main import main
from towline.folders import disk_fault


def test_sqlite_that_has_no_room(tmp_path: Path) -> None:
    """Also when another error was raised from it."""
    database = sqlite3.connect(tmp_path / "small.db")
    database.execute("PRAGMA max_page_count = 2")
    with pytest.raises(RuntimeError) as raised:
        try:
            database.execute("CREATE TABLE big AS SELECT randomblob(100000) AS data")
        except sqlite3.OperationalError as error:
            raise RuntimeError("not written") from error
    assert disk_fault(raised.value) == "the database: the disk is full"


def test_another_error_says_nothing_of_the_disk() -> None:
    assert disk_fault(FileNotFoundError(errno.ENOENT, "no such file")) is None
    assert disk_fault(sqlite3.IntegrityError("unique")) is None
    assert disk_fault(None) is None


@pytest.mark.anyio
async def test_the_api_says_that_the_disk_is_full(
    server: ServerInTest, admin: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And goes on answering what needs no disk. The full disk is a stand-in."""

    async def full(*_given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(server.services.access.directory, "save", full)
    answer = await admin.post("/api/v1/keys", json={"name": "x"})
    assert (answer.status_code, answer.json()["code"]) == (507, "disk-fault")
    assert answer.json()["cause"] == "No space left on device"
    assert (await admin.get("/api/v1/keys")).status_code == 200


@pytest.mark.anyio
async def test_when_keys_were_used_is_written_once_there_is_room_again(
    server: ServerInTest, user: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What writes it now and then outlives a full disk, here a stand-in."""

    async def full(_used: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    access = server.services.access
    assert (await user.get("/api/v1/me")).status_code == 200
    with monkeypatch.context() as while_full:
        while_full.setattr(access.directory, "used", full)
        await access._flush()
    await access._flush()
    (key,) = (await user.get("/api/v1/keys")).json()["items"]
    assert key["last_used"] is not None


def test_the_command_line_says_it_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback of a home folder that cannot be written to, here a stand-in."""

    def refuse(self: Path, *_mode: object, **_more: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    monkeypatch.setenv("TOWLINE_HOME", "/nowhere/towline")
    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(sys, "argv", ["towline", "user", "list", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = json.loads(capsys.readouterr().out)
    assert said["cause"] == "Read-only file system"
    assert said["thing"].startswith("/nowhere/towline")
