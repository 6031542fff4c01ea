"""Streams of logs and events: whole, in order, resumed; also when the server is killed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.server.runs.conftest import RealServer, kill_run
from towline.runs import RunFolder
from towline.runs.spawn import start_detached

# Ten lines; before each but the first five it waits for a file. Euro signs are cut between writes.
TALKS = """
import os, sys, time
for line in range(10):
    while line >= 5 and not os.path.exists(sys.argv[1]): time.sleep(0.01)
    data = f"\\x1b[32mline {line}\\x1b[0m \\u20ac\\n".encode()
    os.write(1, data[:-2]); time.sleep(0.02); os.write(1, data[-2:])
"""
WHOLE = "".join(f"\x1b[32mline {line}\x1b[0m €\n" for line in range(10))


@pytest.fixture(scope="module")
def server(served: RealServer) -> RealServer:
    """Serve a home that these tests share."""
    return served


class Sent:
    """One event as it came."""

    def __init__(self, fields: dict[str, str]) -> None:
        self.name = fields.get("event", "message")
        self.id = fields.get("id", "")
        self.data: Any = json.loads(fields["data"]) if "data" in fields else None


def events(server: RealServer, path: str, last: str | None = None, **params: Any) -> Iterator[Sent]:
    """Yield the events of a stream until the server ends it."""
    headers = {} if last is None else {"Last-Event-ID": last}
    with server.client.stream("GET", path, headers=headers, params=params) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            if not line and fields:
                yield Sent(fields)
                fields = {}
            elif line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value


@pytest.fixture
def talking(tmp_path: Path) -> Iterator[tuple[RunFolder, Path]]:
    """Start a run that says five lines, and the other five once a file is there."""
    script = tmp_path / "talks.py"
    script.write_text(TALKS)
    folder = RunFolder.create(script, [str(tmp_path / "go")])
    start_detached(folder)
    yield folder, tmp_path / "go"
    kill_run(folder)


def text_of(sent: list[Sent]) -> str:
    return "".join(each.data["text"] for each in sent if each.name == "log")


def test_a_log_is_followed_to_the_runs_end(
    server: RealServer, talking: tuple[RunFolder, Path]
) -> None:
    """Escape sequences come through, no character is cut, ids are offsets, then `end`."""
    folder, go = talking
    found: list[Sent] = []
    for each in events(server, f"/runs/{folder.number}/log/events"):
        found.append(each)
        if "line 4" in text_of(found):
            go.touch()
    assert text_of(found) == WHOLE
    assert "\ufffd" not in text_of(found)
    offset = 0
    for each in found[:-1]:
        assert each.data["start"] == offset
        offset += len(each.data["text"].encode())
        assert (each.id, each.data["offset"]) == (str(offset), offset)
    assert found[-1].name == "end"
    assert found[-1].data == {"offset": offset, "state": "succeeded", "exit_code": 0}


def test_a_stream_goes_on_where_it_broke_also_over_a_killed_server(
    server: RealServer, talking: tuple[RunFolder, Path]
) -> None:
    """SIGKILL for the server; the run lives on; log and end are complete afterwards."""
    folder, go = talking
    found: list[Sent] = []
    with pytest.raises(httpx2.HTTPError):
        for each in events(server, f"/runs/{folder.number}/log/events"):
            found.append(each)
            if "line 4" in text_of(found) and text_of(found).endswith("\n"):
                server.kill()
    go.touch()
    server.start()
    found += events(server, f"/runs/{folder.number}/log/events", last=found[-1].id)
    assert text_of(found) == WHOLE
    assert found[-1].data["state"] == "succeeded"
    assert server.end_of(folder.number)["exit_code"] == 0


def test_many_readers_of_one_log_all_get_the_whole(
    server: RealServer, talking: tuple[RunFolder, Path]
) -> None:
    """They come at different times and share what is read."""
    folder, go = talking
    texts: list[str] = []
    first = threading.Barrier(9)

    def read() -> None:
        found: list[Sent] = []
        for each in events(server, f"/runs/{folder.number}/log/events"):
            if not found:
                first.wait(20)
            found.append(each)
        texts.append(text_of(found))

    readers = [threading.Thread(target=read) for _ in range(8)]
    for reader in readers:
        reader.start()
    first.wait(20)
    go.touch()
    for reader in readers:
        reader.join(30)
    assert texts == [WHOLE] * 8


def test_the_log_of_an_ended_run_comes_at_once_from_any_offset(
    server: RealServer, talking: tuple[RunFolder, Path]
) -> None:
    """From the beginning, from a byte, so many before the end, behind the end."""
    folder, go = talking
    go.touch()
    server.end_of(folder.number)
    path, size = f"/runs/{folder.number}/log/events", len(WHOLE.encode())
    assert text_of(list(events(server, path))) == WHOLE
    assert text_of(list(events(server, path, offset=5))) == WHOLE[5:]
    assert text_of(list(events(server, path, offset=-4))) == "€\n"
    assert text_of(list(events(server, path, offset=-2))) == "\n"
    assert [each.name for each in events(server, path, last=str(size))] == ["end"]
    assert [each.name for each in events(server, path, stream="stderr")] == ["end"]


def test_parts_of_a_log_can_be_asked_for_without_a_stream(
    server: RealServer, talking: tuple[RunFolder, Path]
) -> None:
    """Each says where the next begins."""
    folder, go = talking
    go.touch()
    server.end_of(folder.number)
    text, offset, complete = "", 0, "false"
    while complete == "false":
        asked = {"offset": offset, "limit": 7}
        answer = server.client.get(f"/runs/{folder.number}/log", params=asked)
        text += answer.content.decode()
        offset = int(answer.headers["x-next-offset"])
        complete = answer.headers["x-log-complete"]
    assert text == WHOLE


def test_ten_gigabytes_of_log_are_not_read_for_their_end(server: RealServer) -> None:
    """A part costs what it is long."""
    folder = RunFolder.create("main.py")
    with folder.stdout_log.open("wb") as log:
        log.truncate(10 * 2**30)
        log.seek(0, 2)
        log.write(b"\nlast line\n")
    folder.events.append("ended", state="succeeded", exit_code=0, reason="", seconds=1.0)
    tail = server.client.get(f"/runs/{folder.number}/log", params={"offset": -10})
    assert tail.text == "last line\n"
    end = list(events(server, f"/runs/{folder.number}/log/events", offset=-10))
    assert text_of(end) == "last line\n"
    download = {"Range": "bytes=-5"}
    part = server.client.get(f"/runs/{folder.number}/files/stdout.log", headers=download)
    assert part.text == "line\n"
    status = Path(f"/proc/{server.record.process.pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    assert int(peak.split()[1]) < 300_000
    folder.stdout_log.unlink()


def test_a_runs_events_are_followed_to_its_end_and_resumed(
    server: RealServer, talking: tuple[RunFolder, Path]
) -> None:
    """Each with an id to go on from."""
    folder, go = talking
    found: list[Sent] = []
    for each in events(server, f"/runs/{folder.number}/events/stream"):
        found.append(each)
        if each.data.get("event") == "running":
            go.touch()
    names = [each.data["event"] for each in found[:-1]]
    assert names[:3] == ["created", "starting", "running"]
    assert names[-1] == "ended"
    assert (found[-1].name, found[-1].data) == ("end", {"state": "succeeded"})
    path = f"/runs/{folder.number}/events/stream"
    rest = [each.data for each in events(server, path, last=found[2].id)]
    assert rest == [each.data for each in found[3:]]
    listed = server.client.get(f"/runs/{folder.number}/events", params={"limit": 2}).json()
    more = {"cursor": listed["next_cursor"], "limit": 200}
    listed["items"] += server.client.get(f"/runs/{folder.number}/events", params=more).json()[
        "items"
    ]
    assert listed["items"] == [each.data for each in found[:-1]]


def test_a_stream_of_a_run_that_is_not_there_is_a_problem(server: RealServer) -> None:
    """Said before the stream begins."""
    for path in ("log/events", "events/stream"):
        answer = server.client.get(f"/runs/99999/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "run-not-found")


def test_a_page_hears_of_runs_that_are_made_anywhere(server: RealServer, tmp_path: Path) -> None:
    """Made by the command line, changed, ended, deleted; each as its own route shows it."""
    script = tmp_path / "quick.py"
    script.write_text("print('quick')")
    folder: RunFolder | None = None
    last: Sent | None = None
    for each in events(server, "/events", kind="run"):
        if each.name == "ready":
            folder = RunFolder.create(script)
            start_detached(folder)
        elif folder is not None and each.data["number"] == folder.number:
            if each.data.get("gone"):
                last = each
                break
            if each.data["final"]:
                assert each.data == server.client.get(f"/runs/{folder.number}").json()
                server.client.delete(f"/runs/{folder.number}")
    assert last is not None
    assert last.data == {"number": folder.number, "gone": True}  # type: ignore[union-attr]
    again = next(iter(events(server, "/events", last="of-another-server-1")))
    assert again.name == "resync"
