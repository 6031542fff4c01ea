"""``towline key`` and ``towline user``: with a server and without one."""

from __future__ import annotations

import getpass
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.command import Towline, make_towline

from towline.store import Store, User

from .test_server_process import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """Return a home; a server that a test leaves is ended."""
    made = Home(tmp_path / "home", monkeypatch)
    yield made
    made.run("down")


@pytest.fixture
def towline(
    home: Home, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Towline:
    """Return a function that runs the command in this process."""
    return make_towline(monkeypatch, capfd)


@pytest.mark.parametrize("with_server", [False, True], ids=["without a server", "with one"])
def test_accounts_and_keys_from_first_to_last(
    home: Home, towline: Towline, with_server: bool
) -> None:
    """What one command makes, the next one finds; a server that is started later, too."""
    if with_server:
        home.run("up", "--port", "0")
    assert towline("user", "add", "bob", "--role", "viewer").exit_code == 0
    trusted = towline("user", "add", "may", "--role", "user")
    assert "can read its files and SSH keys" in trusted.out + trusted.err
    key = towline("key", "create", "ci", "--scope", "read", "--user", "bob", "--json").data
    assert key["key"].startswith("tl_")
    listed = towline("key", "list", "--json").data
    found = [(each["id"], each["user"], each["revoked"]) for each in listed]
    assert found == [(key["id"], "bob", None)]
    assert towline("user", "set", "bob", "--role", "user", "--json").data["role"] == "user"
    assert "bob" in towline("user", "list").out
    assert "valid" in towline("key", "list").out
    assert towline("key", "revoke", key["id"]).exit_code == 0
    assert towline("key", "list", "--json").data[0]["revoked"] is not None
    assert towline("user", "remove", "bob").exit_code == 0
    if not with_server:
        home.run("up", "--port", "0")
    users = {user["name"]: user["disabled"] for user in towline("user", "list", "--json").data}
    assert users == {"bob": True, "may": False, getpass.getuser(): False}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("key", "revoke", "nosuchkey"), "there is no key with this id"),
        (("key", "create", "x", "--scope", "fly"), "scopes.0"),
        (("user", "remove", getpass.getuser()), "is the only administrator"),
        (("user", "add", "a b"), "name"),
    ],
)
def test_mistakes_are_said_as_everywhere(
    towline: Towline, words: tuple[str, ...], said: str
) -> None:
    """With the thing and the cause, on stderr, and an exit code."""
    answer = towline(*words)
    assert answer.exit_code == 8
    assert answer.err.startswith("error: ")
    assert said in answer.err


def test_a_password_comes_from_a_pipe_and_is_no_argument(
    home: Home, towline: Towline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ps` shows nobody's password; one that is too short is refused without being repeated."""
    import asyncio

    monkeypatch.setattr(sys, "stdin", io.StringIO("short\n"))
    refused = towline("user", "add", "bob", "--password")
    assert (refused.exit_code, "short" in refused.err) == (8, False)
    monkeypatch.setattr(sys, "stdin", io.StringIO("a long password\n"))
    assert towline("user", "add", "bob", "--password", "--json").data["has_password"]

    async def kept() -> str | None:
        store = Store(home.server_folder / "towline.db")
        await store.open()
        async with store.session() as session:
            password = (await session.get_one(User, "bob")).password
        await store.close()
        return password

    assert str(asyncio.run(kept())).startswith("$argon2id$")
