"""Locks are kept by request, whole or not at all, and never with a password."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from towline.environments.locks import Lock, LockStore, request_id, without_secrets
from towline.errors import DefinitionError

MADE = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


def lock(**changes: object) -> Lock:
    values: dict[str, object] = {
        "kind": "uv",
        "request_id": "uv-0123",
        "lines": ("numpy==2.1.0 sha256:aa", "parsl==2026.10.26 sha256:bb"),
        "made": MADE,
        "sources": ("requirements.txt",),
        "text": "the resolver's own words",
    }
    return Lock(**(values | changes))  # type: ignore[arg-type]


def test_a_lock_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    LockStore(tmp_path).save(lock())
    assert LockStore(tmp_path).load("uv-0123") == lock()


def test_an_unknown_request_has_no_lock(tmp_path: Path) -> None:
    assert LockStore(tmp_path / "absent").load("uv-0123") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 0}', '{"schema": 1}'])
def test_what_cannot_be_read_is_as_good_as_no_lock(tmp_path: Path, text: str) -> None:
    (tmp_path / "uv-0123.json").write_text(text)
    assert LockStore(tmp_path).load("uv-0123") is None


def test_a_new_lock_takes_the_place_of_the_old_one_and_leaves_no_scratch(tmp_path: Path) -> None:
    store = LockStore(tmp_path)
    store.save(lock())
    store.save(lock(lines=("numpy==2.2.0",)))
    found = store.load("uv-0123")
    assert found is not None and found.lines == ("numpy==2.2.0",)
    assert [file.name for file in tmp_path.iterdir()] == ["uv-0123.json"]


def test_all_locks_are_listed_the_newest_first(tmp_path: Path) -> None:
    store = LockStore(tmp_path)
    store.save(lock(request_id="uv-old", made=MADE - timedelta(days=1)))
    store.save(lock(request_id="uv-new"))
    assert [each.request_id for each in store.all()] == ["uv-new", "uv-old"]


@pytest.mark.parametrize("part", ["lines", "sources"])
def test_a_lock_with_a_password_is_not_written(tmp_path: Path, part: str) -> None:
    secret = ("mine @ https://me:hunter2@index.example/mine.whl",)
    with pytest.raises(ValueError, match="password"):
        LockStore(tmp_path).save(lock(**{part: secret}))
    assert not list(tmp_path.iterdir())


def test_nobody_else_can_read_a_lock(tmp_path: Path) -> None:
    LockStore(tmp_path / "locks").save(lock())
    assert (tmp_path / "locks").stat().st_mode & 0o077 == 0
    assert (tmp_path / "locks/uv-0123.json").stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DefinitionError, match="cannot be written"):
        LockStore(tmp_path / "file/locks").save(lock())


def test_an_id_cannot_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not the id"):
        LockStore(tmp_path).load("../secrets")


def test_the_id_depends_on_every_part_and_on_where_one_ends() -> None:
    ids = {request_id("uv", parts) for parts in (["ab", "c"], ["a", "bc"], ["abc"], ["c", "ab"])}
    assert len(ids) == 4
    assert request_id("uv", ["a"]) == request_id("uv", ["a"])


def test_a_url_is_kept_without_its_password() -> None:
    assert without_secrets("a @ https://me:hunter2@host/a.whl") == "a @ https://host/a.whl"


def test_no_part_of_a_password_with_an_at_sign_is_kept() -> None:
    assert without_secrets("from https://me:s3@cret@h.org/x") == "from https://h.org/x"


def test_the_store_lies_in_towlines_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path))
    LockStore().save(lock())
    assert [file.name for file in (tmp_path / "state/locks").iterdir()] == ["uv-0123.json"]
