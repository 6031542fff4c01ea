"""Files of a run folder: what is shown, and that no path leads out of it."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import pytest

from towline.server.downloads import OUTSIDE, attachment, media_type, wanted_range
from towline.server.safe_files import NoSuchFile, listing, open_file, parts_of
from towline.server.shown_files import is_shown


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Make a run folder with all that a real one has, beside another whose name begins alike."""
    folder = tmp_path / "runs" / "1"
    for name in ("work/out", "blocks/onprem", "parsl/000/ex/certificates", "tasks"):
        (folder / name).mkdir(parents=True)
    for name in (
        "run.json",
        "ledger.jsonl",
        "supervisor.json",
        "keeper.lock",
        "launch.json",
        "stdout.log",
        "stderr.log",
        "events.jsonl",
        "work/result.txt",
        "work/out/a.csv",
        "blocks/onprem/1.out",
        "parsl/000/parsl.log",
        "parsl/000/ex/certificates/server.key_secret",
        "tasks/1.jsonl",
    ):
        (folder / name).write_text(name)
    other = tmp_path / "runs" / "10"
    other.mkdir()
    (other / "stdout.log").write_text("of another run")
    (tmp_path / "secret").write_text("secret")
    return folder


def read(run: Path, path: str) -> str:
    """Read a file as the route does."""
    parts = parts_of(path)
    if not is_shown(parts, False):
        raise NoSuchFile(path)
    with os.fdopen(open_file(run, parts)) as file:
        return file.read()


@pytest.mark.parametrize(
    "path",
    [
        "stdout.log",
        "work/result.txt",
        "work/out/a.csv",
        "blocks/onprem/1.out",
        "parsl/000/parsl.log",
    ],
)
def test_what_a_run_has_made_is_shown(run: Path, path: str) -> None:
    """Output, logs and results."""
    assert read(run, path) == path


@pytest.mark.parametrize(
    "path",
    [
        "ledger.jsonl",
        "supervisor.json",
        "keeper.lock",
        "launch.json",
        "run.json",
        "parsl/000/ex/certificates/server.key_secret",
        ".hidden",
        "something-new",
    ],
)
def test_what_is_towlines_own_is_not_shown(run: Path, path: str) -> None:
    """Ledger, keeper, keys, and whatever a later version puts there."""
    with pytest.raises(NoSuchFile):
        read(run, path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../10/stdout.log",
        "work/../../10/stdout.log",
        "work/../ledger.jsonl",
        "work/./result.txt",
        "work//result.txt",
        "work/result.txt/",
        "work",
        "work/result.txt/x",
        "work/\0",
        "work/" + "a" * 5000,
        "work/" + "a/" * 100 + "a",
        "work/\udcff",
    ],
)
def test_no_path_leads_out(run: Path, path: str) -> None:
    """Neither up, nor to a neighbour whose name begins alike; a folder is no file."""
    with pytest.raises(NoSuchFile):
        read(run, path)


def test_no_link_is_followed(run: Path) -> None:
    """At the end of a path or in its middle, inside or outside."""
    (run / "work/to-file").symlink_to(run.parent.parent / "secret")
    (run / "work/to-folder").symlink_to(run.parent.parent)
    (run / "work/inside").symlink_to("result.txt")
    for path in ("work/to-file", "work/to-folder/secret", "work/inside"):
        with pytest.raises(NoSuchFile):
            read(run, path)
    kinds = {f.path: f.kind for f in listing(run, ("work",), is_shown, most=99, deep=True)}
    assert kinds["work/to-folder"] == "link"
    assert "work/to-folder/secret" not in kinds


def test_the_run_folder_itself_may_be_no_link(run: Path) -> None:
    """A number is a folder of this server's."""
    (run.parent / "2").symlink_to(run)
    with pytest.raises(NoSuchFile):
        open_file(run.parent / "2", ("stdout.log",))


def test_a_folder_that_is_swapped_for_a_link_meanwhile_leads_nowhere(run: Path) -> None:
    """A script that swaps a folder and a link as fast as it can gets nothing else served."""
    real, link = run / "work/out", run / "work/link"
    (run.parent.parent / "a.csv").write_text("secret")
    link.symlink_to(run.parent.parent)
    stop = threading.Event()

    def swap() -> None:
        spare = run / "work/spare"
        while not stop.is_set():
            real.rename(spare)
            link.rename(real)
            real.rename(link)
            spare.rename(real)

    swapping = threading.Thread(target=swap)
    swapping.start()
    seen = set()
    try:
        for _ in range(3000):
            try:
                seen.add(read(run, "work/out/a.csv"))
            except NoSuchFile:
                seen.add("")
    finally:
        stop.set()
        swapping.join()
    assert seen - {""} == {"work/out/a.csv"}


def test_a_pipe_or_socket_is_no_file_and_nobody_waits_for_it(run: Path) -> None:
    """Opening a pipe would wait for its writer for ever."""
    os.mkfifo(run / "work/pipe")
    with pytest.raises(NoSuchFile):
        read(run, "work/pipe")
    assert "work/pipe" not in [f.path for f in listing(run, ("work",), is_shown, most=99)]


def test_a_listing_shows_what_may_be_read_and_says_where_it_stops(run: Path) -> None:
    """By name; names that are no text are left out."""
    (run / "work" / os.fsdecode(b"\xff\xfe")).write_text("x")
    found = [f.path for f in listing(run, (), is_shown, most=99, deep=True)]
    assert found == [
        "blocks",
        "blocks/onprem",
        "blocks/onprem/1.out",
        "events.jsonl",
        "parsl",
        "parsl/000",
        "parsl/000/ex",
        "parsl/000/parsl.log",
        "stderr.log",
        "stdout.log",
        "tasks",
        "tasks/1.jsonl",
        "work",
        "work/out",
        "work/out/a.csv",
        "work/result.txt",
    ]
    assert len(listing(run, (), is_shown, most=3, deep=True)) == 3


def test_no_descriptor_is_left_open(run: Path) -> None:
    """Whether it is found or not."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("stdout.log", "work/out/a.csv", "work/none", "work/result.txt/x"):
        for _ in range(5):
            with contextlib.suppress(NoSuchFile):
                read(run, path)
    listing(run, (), is_shown, most=2, deep=True)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-3", (0, 4)),
        ("bytes=4-", (4, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("bytes=8-99", (8, 10)),
        ("bytes=10-", OUTSIDE),
        ("bytes=-0", OUTSIDE),
        ("bytes=5-3", None),
        ("bytes=0-1,3-4", None),
        ("bytes=-", None),
        ("lines=0-3", None),
        ("bytes=0x1-3", None),
        ("bytes=99999999999999999999-", None),
    ],
)
def test_a_range_is_read_as_rfc_9110_says(header: str, expected: object) -> None:
    """One range; what cannot be read, or is several, is as if it were not there."""
    assert wanted_range(header, 10) == expected


@pytest.mark.parametrize("name", ['a".html', "a\r\nSet-Cookie: x=1", "é€.txt", "a;b", "../x"])
def test_a_file_name_cannot_write_headers(name: str) -> None:
    """Whatever a script calls its files, a browser saves them and runs nothing."""
    headers = attachment(name)
    disposition = headers["Content-Disposition"]
    assert disposition.startswith("attachment; ")
    assert disposition.isascii()
    assert not set("\r\n") & set(disposition)
    assert disposition.count('"') == 2
    assert headers["Content-Security-Policy"].startswith("sandbox")


def test_logs_are_text_whatever_is_in_them() -> None:
    """And what is not known is bytes."""
    assert media_type("stdout.log").startswith("text/plain")
    assert media_type("x.unknown-kind") == "application/octet-stream"
