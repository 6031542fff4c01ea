"""An archive that was made to do harm does none."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from towline.errors import DefinitionError
from towline.workflows import FromArchive
from towline.workflows.sources.tree import Limits

GOOD = {"workflow.yaml": b"run: [python, main.py]\n", "main.py": b"print('hello')\n"}


def tar(
    path: Path, *extra: tarfile.TarInfo, files: dict[str, bytes] = GOOD, mode: str = "w:gz"
) -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644
            archive.addfile(info, io.BytesIO(data))
        for info in extra:
            archive.addfile(info, io.BytesIO(b"x" * info.size))
    return path


def entry(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


def unpack(path: Path, into: Path, **limits: int) -> list[str]:
    into.mkdir()
    FromArchive(path, limits=Limits(**limits)).fetch(into, print)
    return sorted(str(p.relative_to(into)) for p in into.rglob("*"))


def refused(path: Path, tmp_path: Path, **limits: int) -> str:
    (tmp_path / "in").mkdir()
    with pytest.raises(DefinitionError) as caught:
        unpack(path, tmp_path / "in" / "to", **limits)
    outside = {p.name for p in tmp_path.iterdir()} - {"in", path.name, "home"}
    assert outside == set(), "something was written outside"
    assert {p.name for p in (tmp_path / "in").iterdir()} == {"to"}
    return caught.value.cause


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_archive_is_unpacked(tmp_path: Path, mode: str):
    assert unpack(tar(tmp_path / "a.tar", mode=mode), tmp_path / "to") == [
        "main.py",
        "workflow.yaml",
    ]


def test_one_folder_around_everything_is_taken_off(tmp_path: Path):
    files = {f"hello-1.0/{name}": data for name, data in GOOD.items()}
    assert unpack(tar(tmp_path / "a.tgz", files=files), tmp_path / "to") == [
        "main.py",
        "workflow.yaml",
    ]


def test_a_zip_keeps_executable_bits_and_links_inside(tmp_path: Path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("workflow.yaml", GOOD["workflow.yaml"])
        script = zipfile.ZipInfo("run.sh")
        script.external_attr = (stat.S_IFREG | 0o755) << 16
        archive.writestr(script, "#!/bin/sh\n")
        link = zipfile.ZipInfo("again.sh")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "run.sh")
        archive.writestr("__MACOSX/._run.sh", b"junk")
    assert unpack(path, tmp_path / "to") == ["again.sh", "run.sh", "workflow.yaml"]
    assert os.access(tmp_path / "to" / "run.sh", os.X_OK)
    assert (tmp_path / "to" / "again.sh").readlink() == Path("run.sh")


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "C:evil"])
def test_no_file_is_written_outside(tmp_path: Path, name: str):
    assert "leads out of it" in refused(tar(tmp_path / "a.tgz", entry(name, size=3)), tmp_path)


@pytest.mark.parametrize("link", ["/etc/passwd", "../../secret", "sub/../../x"])
def test_no_link_leads_out(tmp_path: Path, link: str):
    path = tar(tmp_path / "a.tgz", entry("passwd", tarfile.SYMTYPE, link))
    assert "is a link out of the workflow's folder" in refused(path, tmp_path)


def test_no_chain_of_links_leads_out(tmp_path: Path):
    """Each link is harmless by itself: d is '.', so d/d/../.. climbs although its text does not."""
    chain = (entry("d", tarfile.SYMTYPE, "."), entry("e", tarfile.SYMTYPE, "d/d/../.."))
    assert "is a link out" in refused(tar(tmp_path / "a.tgz", *chain), tmp_path)


def test_no_file_is_written_through_a_link(tmp_path: Path):
    chain = (entry("d", tarfile.SYMTYPE, ".."), entry("d/evil", size=3))
    assert refused(tar(tmp_path / "a.tgz", *chain), tmp_path)


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_only_files_folders_and_links_come_out(tmp_path: Path, kind: bytes):
    path = tar(tmp_path / "a.tgz", entry("odd", kind, "main.py"))
    assert "is neither file nor folder nor link" in refused(path, tmp_path)


def test_a_bomb_is_stopped_while_it_is_unpacked(tmp_path: Path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(8 << 20))
    assert path.stat().st_size < 20_000
    assert "has more than 1 MiB" in refused(path, tmp_path, size=1 << 20)


@pytest.mark.parametrize("kind", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_name_of_unlikely_length_is_not_read(tmp_path: Path, kind: int):
    path = tmp_path / "a.tgz"
    with tarfile.open(path, "w:gz", format=kind) as archive:
        archive.addfile(tarfile.TarInfo("main.py"))
        archive.addfile(tarfile.TarInfo("x" * (8 << 20)))
    assert path.stat().st_size < 40_000
    assert "a header has more than 64 KiB" in refused(path, tmp_path)


def test_too_many_files_are_too_much(tmp_path: Path):
    path = tar(tmp_path / "a.tgz", files={f"f{n}": b"" for n in range(30)})
    assert "has more than 20 files" in refused(path, tmp_path, entries=20)


@pytest.mark.parametrize(
    "data", [b"", b"no archive at all", b"PK\x03\x04broken", b"\x1f\x8bbroken"]
)
def test_what_is_no_archive_is_refused_in_words(tmp_path: Path, data: bytes):
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    assert "cannot be unpacked" in refused(path, tmp_path)


def test_a_cut_archive_is_refused(tmp_path: Path):
    whole = tar(tmp_path / "a.tgz", files={**GOOD, "data": os.urandom(100_000)})
    whole.write_bytes(whole.read_bytes()[:50_000])
    assert "cannot be unpacked" in refused(whole, tmp_path)
