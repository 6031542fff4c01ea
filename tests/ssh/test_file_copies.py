"""push_file and fetch_file on a real sshd."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import threading
from pathlib import Path

import pytest

from towline.errors import CopyFailed, DefinitionError, HostKeyUnknown
from towline.ssh import Connection, push

from .conftest import Connect
from .loopback import Loopback, wait_until
from .trees import ODD_NAMES, parts


def test_pushed_file_is_the_same_and_keeps_its_mode(
    plain: Connection, tmp_path: Path, there: Path
) -> None:
    local = tmp_path / "data"
    local.write_bytes(os.urandom(1_000_000))
    local.chmod(0o640)
    copied = plain.push_file(local, str(there / "a" / "b"))
    assert (there / "a" / "b").read_bytes() == local.read_bytes()
    assert stat.S_IMODE((there / "a" / "b").stat().st_mode) == 0o640
    assert (copied.bytes, copied.sha256) == (
        1_000_000,
        hashlib.sha256(local.read_bytes()).hexdigest(),
    )


def test_mode_can_be_given(plain: Connection, tmp_path: Path, there: Path) -> None:
    local = tmp_path / "key"
    local.write_text("k")
    plain.push_file(local, str(there / "key"), mode=0o600)
    assert stat.S_IMODE((there / "key").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", [*ODD_NAMES, "f\n"])
def test_odd_names_go_there_and_back(
    plain: Connection, tmp_path: Path, there: Path, name: str
) -> None:
    local = tmp_path / name
    local.write_text(f"this is {name}")
    plain.push_file(local, str(there / name))
    back = tmp_path / "back" / name
    plain.fetch_file(str(there / name), back)
    assert [path.name for path in there.iterdir()] == [name]
    assert back.read_text() == local.read_text()


@pytest.mark.parametrize("remote", ["~/in-home/f", "~/-x"])
def test_tilde_is_the_remote_home(
    plain: Connection, tmp_path: Path, home: Path, remote: str
) -> None:
    (tmp_path / "f").write_text("f")
    plain.push_file(tmp_path / "f", remote)
    assert (home / remote[2:]).read_text() == "f"


@pytest.mark.parametrize("remote", ["/", "~", "..", "", "a/.."])
def test_path_without_a_name_is_refused(plain: Connection, tmp_path: Path, remote: str) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(ValueError, match="does not name"):
        plain.push_file(tmp_path / "f", remote)


def test_empty_file_is_copied(plain: Connection, tmp_path: Path, there: Path) -> None:
    (tmp_path / "f").touch()
    assert plain.push_file(tmp_path / "f", str(there / "f")).bytes == 0
    assert plain.fetch_file(str(there / "f"), tmp_path / "g").bytes == 0
    assert (tmp_path / "g").read_bytes() == b""


def test_older_file_is_replaced_but_never_a_folder(
    plain: Connection, tmp_path: Path, there: Path
) -> None:
    (tmp_path / "f").write_text("new")
    there.mkdir()
    (there / "f").write_text("old")
    (there / "d").mkdir()
    plain.push_file(tmp_path / "f", str(there / "f"))
    assert (there / "f").read_text() == "new"
    with pytest.raises(CopyFailed, match="there is a folder of this name"):
        plain.push_file(tmp_path / "f", str(there / "d"))
    assert list((there / "d").iterdir()) == []
    assert not parts(there)


def test_local_file_that_cannot_be_read_is_the_users(plain: Connection, tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="No such file"):
        plain.push_file(tmp_path / "none", "x")


def test_remote_file_that_is_not_there_leaves_nothing_here(
    plain: Connection, tmp_path: Path, there: Path
) -> None:
    with pytest.raises(CopyFailed, match="there is no such file"):
        plain.fetch_file(str(there / "none"), tmp_path / "to" / "f")
    assert list((tmp_path / "to").iterdir()) == []


def test_folder_without_permission_says_so(plain: Connection, tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(CopyFailed, match=r"mkdir|Directory nonexistent|Permission|Read-only"):
        plain.push_file(tmp_path / "f", "/proc/towline/f")


def test_progress_grows_to_the_whole(plain: Connection, tmp_path: Path, there: Path) -> None:
    (tmp_path / "f").write_bytes(bytes(2_000_000))
    for copy in (
        lambda tell: plain.push_file(tmp_path / "f", str(there / "f"), progress=tell),
        lambda tell: plain.fetch_file(str(there / "f"), tmp_path / "g", progress=tell),
    ):
        seen: list[tuple[int, int]] = []
        copy(lambda *now, seen=seen: seen.append(now))
        done = [bytes_done for bytes_done, _ in seen]
        assert done == sorted(done)
        assert len(seen) > 2
        assert seen[-1] == (2_000_000, 2_000_000)


def test_log_that_grows_meanwhile_is_copied_as_far_as_it_went(
    plain: Connection, tmp_path: Path, there: Path
) -> None:
    there.mkdir()
    log, stop = there / "log", threading.Event()
    log.write_bytes(b"line\n" * 100_000)

    def grow() -> None:
        with log.open("ab", buffering=0) as file:
            while not stop.wait(0.001):
                file.write(b"line\n" * 100)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        for _ in range(3):
            plain.fetch_file(str(log), tmp_path / "copy")
    finally:
        stop.set()
        writer.join()
    assert log.read_bytes().startswith((tmp_path / "copy").read_bytes())


def test_broken_connection_leaves_the_old_file_and_no_part(
    plain: Connection, tmp_path: Path, there: Path
) -> None:
    (tmp_path / "f").write_bytes(os.urandom(30_000_000))
    there.mkdir()
    (there / "f").write_text("old")
    plain.open()
    master = plain._master.pid()
    assert master

    def cut(done: int, total: int) -> None:
        if done > total // 2:
            os.kill(master, signal.SIGKILL)

    with pytest.raises(CopyFailed, match="the connection broke"):
        plain.push_file(tmp_path / "f", str(there / "f"), progress=cut)
    wait_until(lambda: not parts(there), "the remote side to clean up")
    assert (there / "f").read_text() == "old"


def test_damage_on_the_way_to_the_disk_is_found(
    plain: Connection, tmp_path: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").write_text("content")
    monkeypatch.setattr(push, "_sha256", lambda path: "0" * 64)
    with pytest.raises(CopyFailed, match="checksum of what arrived"):
        plain.push_file(tmp_path / "f", str(there / "f"))
    assert list(there.iterdir()) == []


def test_errors_of_reaching_the_host_stay_what_they_are(
    loopback: Loopback, connect: Connect, tmp_path: Path
) -> None:
    loopback.serve("new", known=False)
    (tmp_path / "f").touch()
    with pytest.raises(HostKeyUnknown):
        connect(loopback, "new").push_file(tmp_path / "f", "f")
