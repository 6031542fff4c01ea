"""The event log: whole lines from many writers, torn ones passed over."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import threading
from pathlib import Path

import pytest

from towline.runs import EventLog
from towline.runs.events import append_line


@pytest.fixture
def log(tmp_path):
    log = EventLog(tmp_path / "events.jsonl")
    yield log
    log.close()


def names(log, start=0):
    return [event.name for event in log.read(start)]


def test_events_come_back_in_the_order_in_which_they_were_written(log):
    log.append("created", number=1)
    log.append("running", pid=7)

    events = list(log.read())

    assert [(event.name, event.facts) for event in events] == [
        ("created", {"number": 1}),
        ("running", {"pid": 7}),
    ]


def test_reading_can_go_on_from_the_end_of_any_event(log):
    for name in "abc":
        log.append(name)
    first = next(iter(log.read()))

    assert names(log, first.end) == ["b", "c"]


def test_an_event_is_one_json_line_for_its_owner_alone(log):
    log.append("warning", text="two\nlines", path=Path("/x"))

    (line,) = log.path.read_text().splitlines()
    assert json.loads(line)["text"] == "two\nlines"
    assert json.loads(line)["path"] == "/x"
    assert log.path.stat().st_mode & 0o077 == 0


def test_a_fact_cannot_pose_as_the_name_or_the_time_of_its_event(log):
    log.append("warning", time=1, event="ended")

    (event,) = log.read()
    assert event.name == "warning"
    assert event.time > 1


def test_a_last_line_without_its_end_is_not_read_yet(log):
    log.append("created")
    with log.path.open("ab") as file:
        file.write(b'{"time": 1, "event": "run')

    assert names(log) == ["created"]


def test_a_line_that_a_killed_writer_left_torn_does_not_swallow_the_next(log):
    log.append("created")
    with log.path.open("ab") as file:
        file.write(b'{"time": 1, "event": "run')

    log.append("ended")

    assert names(log) == ["created", "ended"]


@pytest.mark.parametrize(
    "line", [b"", b"\0\0\0", b"[1, 2]", b"null", b"{", b'{"time": "x", "event": "y"}', b"\xff"]
)
def test_foreign_lines_are_passed_over(log, line):
    log.append("created")
    with log.path.open("ab") as file:
        file.write(line + b"\n")
    log.append("ended")

    assert names(log) == ["created", "ended"]


def test_a_log_that_does_not_exist_is_empty(tmp_path):
    assert list(EventLog(tmp_path / "none").read()) == []
    assert EventLog(tmp_path / "none").last() is None


def test_the_last_event_is_found_without_reading_the_log_even_when_it_is_long(log):
    for _ in range(200):
        log.append("progress", text="x" * 100)
    log.append("ended", reason="y" * 20_000)

    last = log.last()

    assert last is not None
    assert (last.name, len(last.facts["reason"])) == ("ended", 20_000)


def _write_many(path, name, count):
    log = EventLog(path)
    for number in range(count):
        log.append(name, number=number, padding="x" * 5000)


def test_several_processes_write_without_tearing_each_others_lines(log):
    """Lines of 5 kB, longer than what a pipe would keep whole."""
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=_write_many, args=(log.path, f"writer{n}", 100)) for n in range(3)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    events = list(log.read())
    assert len(events) == len(log.path.read_bytes().splitlines()) == 300
    for n in range(3):
        numbers = [event.facts["number"] for event in events if event.name == f"writer{n}"]
        assert numbers == list(range(100))


def test_several_threads_share_one_log(log):
    threads = [
        threading.Thread(target=lambda: [log.append("tick") for _ in range(100)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert names(log) == ["tick"] * 400


def test_following_yields_what_is_written_later_and_all_of_it_before_it_stops(log):
    log.append("created")
    stop = threading.Event()
    seen = []

    def follow():
        for event in log.follow(stop=stop.is_set):
            seen.append(event.name)
            read.release()

    read = threading.Semaphore(0)
    follower = threading.Thread(target=follow)
    follower.start()
    assert read.acquire(timeout=10)
    log.append("running")
    assert read.acquire(timeout=10)
    log.append("ended")
    stop.set()
    follower.join(10)

    assert seen == ["created", "running", "ended"]


def test_a_full_disk_is_an_error_of_the_writer():
    descriptor = os.open("/dev/full", os.O_RDWR)
    try:
        with pytest.raises(OSError) as caught:
            append_line(descriptor, b"{}\n")
    finally:
        os.close(descriptor)
    assert caught.value.errno == errno.ENOSPC


def test_a_line_that_fits_only_in_part_is_taken_back(tmp_path):
    """A limit on the file's size stands in for the disk's last bytes."""
    import subprocess
    import sys

    code = (
        "import os, resource, signal, sys\n"
        "from towline.runs.events import append_line\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "fd = os.open(sys.argv[1], os.O_RDWR | os.O_APPEND | os.O_CREAT)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))\n"
        "append_line(fd, b'0123456789\\n')\n"
        "try:\n"
        "    append_line(fd, b'0123456789\\n')\n"
        "except OSError:\n"
        "    print('refused')\n"
    )
    path = tmp_path / "log"
    answer = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)

    assert answer.stdout == "refused\n", answer.stderr
    assert path.read_bytes() == b"0123456789\n"
