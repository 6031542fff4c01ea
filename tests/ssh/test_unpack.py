"""A cluster can send what it likes; nothing gets out of the folder."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest

from towline.errors import CopyFailed
from towline.ssh.unpack import unpack


def archive_of(tmp_path: Path, *members: tarfile.TarInfo) -> Path:
    path = tmp_path / "archive"
    with tarfile.open(path, "w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, 0o777
    info.size = 1 if kind == tarfile.REGTYPE else 0
    return info


def test_what_leads_out_is_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("untouched")
    archive = archive_of(
        tmp_path,
        member("good"),
        member("../outside"),
        member("away", tarfile.SYMTYPE, "../outside"),
        member("absolute", tarfile.SYMTYPE, "/etc/passwd"),
        member("hard", tarfile.LNKTYPE, "../outside"),
        member("device", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
    )
    skipped = unpack(archive, tmp_path / "to")
    assert skipped == ("../outside", "away", "absolute", "hard", "device", "pipe")
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["good"]
    assert (tmp_path / "outside").read_text() == "untouched"


def test_nothing_becomes_writable_for_others(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, member("f"), member("d", tarfile.DIRTYPE))
    unpack(archive, tmp_path / "to")
    for path in (tmp_path / "to").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_damaged_archive_is_a_failed_copy(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(os.urandom(2000))
    with pytest.raises(CopyFailed, match="damaged"):
        unpack(tmp_path / "archive", tmp_path / "to")
