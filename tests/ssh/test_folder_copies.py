"""push_tree and fetch_tree on a real sshd."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from towline.errors import CopyFailed, DefinitionError, NoSpace
from towline.ssh import Connection

from .conftest import Connect, Serve
from .loopback import Loopback, wait_until
from .trees import parts, picture


def test_folder_goes_there_and_back_unchanged(
    plain: Connection, tree: Path, tmp_path: Path, there: Path
) -> None:
    plain.push_tree(tree, str(there / "deep" / "t"))
    assert picture(there / "deep" / "t") == picture(tree)
    copied = plain.fetch_tree(str(there / "deep" / "t"), tmp_path / "back")
    assert picture(tmp_path / "back") == picture(tree)
    assert copied.skipped == ()
    assert not parts(there)
    assert not parts(tmp_path)


def test_older_folder_gives_way(plain: Connection, tree: Path, there: Path) -> None:
    (there / "t" / "old").mkdir(parents=True)
    (there / "t" / "old").chmod(0o500)
    plain.push_tree(tree, str(there / "t"))
    assert picture(there / "t") == picture(tree)
    assert [path.name for path in there.iterdir()] == ["t"]


def test_link_at_the_place_is_replaced_and_not_followed(
    plain: Connection, tree: Path, there: Path
) -> None:
    (there / "elsewhere").mkdir(parents=True)
    (there / "t").symlink_to("elsewhere")
    plain.push_tree(tree, str(there / "t"))
    assert picture(there / "t") == picture(tree)
    assert list((there / "elsewhere").iterdir()) == []


def test_folder_that_cannot_be_read_whole_changes_nothing(
    plain: Connection,
    tree: Path,
    there: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A tar that complains at its end has sent a stream that looks complete."""
    fake = tmp_path / "bin" / "tar"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nPATH=/usr/bin:/bin tar \"$@\"\necho 'x: Cannot open' >&2; exit 2\n")
    fake.chmod(0o755)
    plain.open()
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    with pytest.raises(CopyFailed, match="tar could not read all of it: x: Cannot open"):
        plain.push_tree(tree, str(there / "t"))
    assert list(there.iterdir()) == []


def test_file_is_no_folder(plain: Connection, tmp_path: Path, there: Path) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(DefinitionError, match="is not a folder"):
        plain.push_tree(tmp_path / "f", "t")
    with pytest.raises(CopyFailed, match="there is no such folder"):
        plain.fetch_tree(str(there), tmp_path / "t")


def test_broken_connection_leaves_the_old_folder_and_no_part(
    plain: Connection, tmp_path: Path, there: Path
) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "f").write_bytes(os.urandom(30_000_000))
    (there / "t").mkdir(parents=True)
    plain.open()
    master = plain._master.pid()
    assert master

    def cut(done: int, total: int) -> None:
        if done > total // 2:
            os.kill(master, signal.SIGKILL)

    with pytest.raises(CopyFailed, match="the connection broke"):
        plain.push_tree(tmp_path / "t", str(there / "t"), progress=cut)
    wait_until(lambda: not parts(there), "the remote side to clean up")
    assert list((there / "t").iterdir()) == []


def test_what_a_killed_copy_left_is_swept_after_a_day(
    plain: Connection, tree: Path, there: Path
) -> None:
    for name, age in (("old", 3 * 86400), ("young", 0)):
        left = there / f".towline-part-{name}"
        left.mkdir(parents=True)
        when = left.stat().st_mtime - age
        os.utime(left, (when, when))
    plain.push_tree(tree, str(there / "t"))
    assert [path.name for path in parts(there)] == [".towline-part-young"]


def test_progress_of_folders_ends_at_the_whole(
    plain: Connection, tree: Path, tmp_path: Path, there: Path
) -> None:
    for copy in (
        lambda tell: plain.push_tree(tree, str(there / "t"), progress=tell),
        lambda tell: plain.fetch_tree(str(there / "t"), tmp_path / "g", progress=tell),
    ):
        seen: list[tuple[int, int]] = []
        copy(lambda *now, seen=seen: seen.append(now))
        assert seen[-1][0] == seen[-1][1] >= 3_000_000
        assert all(done <= total for done, total in seen)


def test_remote_tools_may_be_poor(
    loopback: Loopback, connect: Connect, tree: Path, tmp_path: Path
) -> None:
    """Without sha256sum and timeout, another tool makes the checksum."""
    tools = tmp_path / "bin"
    tools.mkdir()
    wanted = "sh cat tar tee mkdir mkfifo mv rm rmdir find chmod cut head wc du dirname openssl"
    for tool in wanted.split():
        for place in ("/usr/bin", "/bin"):
            if Path(place, tool).exists():
                (tools / tool).symlink_to(Path(place, tool))
                break
    server = loopback.serve("poor", environment=f"PATH={tools}")
    connection = connect(loopback, "poor")
    assert connection.run("command -v sha256sum timeout").exit_code != 0
    connection.push_tree(tree, str(server.home / "t"))
    connection.fetch_tree(str(server.home / "t"), tmp_path / "back")
    assert picture(tmp_path / "back") == picture(tree)


def test_full_disk_is_named_and_leaves_nothing(serve: Serve, tree: Path, tmp_path: Path) -> None:
    """The server's tools here say what they say on a full disk."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("cat", "tar"):
        (tools / tool).write_text(
            f"#!/bin/sh\necho '{tool}: write error: No space left on device' >&2\nexit 1\n"
        )
        (tools / tool).chmod(0o755)
    connection, server = serve("full", environment=f"PATH={tools}:/usr/bin:/bin")
    for push in (
        lambda: connection.push_file(tree / "tool", str(server.home / "to" / "f")),
        lambda: connection.push_tree(tree, str(server.home / "to" / "t")),
    ):
        with pytest.raises(NoSpace, match="No space left on device"):
            push()
        assert list((server.home / "to").iterdir()) == []
