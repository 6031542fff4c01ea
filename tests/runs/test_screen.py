"""What is written where, byte for byte, on each kind of screen."""

from __future__ import annotations

import io
import json
import os
import re
import threading
from pathlib import Path

import pytest

from towline.runs import Event, screen
from towline.runs.screen import JsonScreen, PlainScreen, QuietScreen, TerminalScreen, cells, fit
from towline.runs.view import RunView, fold

CREATED = Event(1.0, "created", {"number": 12, "script": "/a.py"})
RUNNING = Event(2.0, "running", {"pid": 3})
WARNING = Event(3.0, "warning", {"cluster": "onprem", "text": "slow"})
SUCCESS = Event(4.0, "ended", {"state": "succeeded", "exit_code": 0, "leftovers": []})
FAILURE = Event(4.0, "ended", {"state": "failed", "exit_code": 1, "reason": "no", "leftovers": []})
STARTED = [CREATED, Event(1.5, "starting"), RUNNING]


@pytest.fixture
def streams(monkeypatch):
    """Catch what is passed through, in place of descriptors 1 and 2."""
    caught = {"stdout": b"", "stderr": b""}

    def catch(stream, data):
        caught[stream] += bytes(data)

    monkeypatch.setattr(screen, "pass_through", catch)
    return caught


def show(screen, events):
    view = RunView()
    for event in events:
        fold([event], view)
        screen.event(event, view)
    return view


def test_quiet_passes_the_scripts_output_and_is_silent_on_success(streams, capsys):
    quiet = QuietScreen()
    quiet.output("stdout", b"a\xff\r")
    view = show(quiet, [*STARTED, WARNING, SUCCESS])
    quiet.finish(view, Path("/runs/12"))

    assert streams == {"stdout": b"a\xff\r", "stderr": b""}
    assert capsys.readouterr().err == ""


def test_quiet_says_why_a_run_failed(capsys):
    quiet = QuietScreen()
    quiet.finish(show(quiet, [*STARTED, FAILURE]), Path("/runs/12"))

    assert "run 12 failed" in capsys.readouterr().err


def test_a_pipe_gets_marked_lines_on_stderr_and_the_output_untouched(streams, capsys):
    plain = PlainScreen()
    plain.output("stdout", b"no newline")
    view = show(plain, [*STARTED, WARNING, SUCCESS])
    plain.finish(view, Path("/runs/12"))

    lines = capsys.readouterr().err.splitlines()
    assert streams["stdout"] == b"no newline"
    assert all(line.startswith("towline: ") for line in lines)
    assert lines[:2] == ["towline: run 12 started: /a.py", "towline: onprem: warning: slow"]
    assert "leftovers: none" in lines[2]


def test_json_is_one_object_a_line_with_the_output_among_the_events(streams):
    out = JsonScreen()
    view = show(out, STARTED)
    out.output("stdout", b"one\ntw")
    out.output("stderr", b"e\xff\n")
    out.output("stdout", b"o\nrest")
    fold([SUCCESS], view)
    out.event(SUCCESS, view)
    out.finish(view, Path("/runs/12"))

    records = [json.loads(line) for line in streams["stdout"].splitlines()]
    assert [record["event"] for record in records] == [
        *("created", "starting", "running"),
        *("output", "output", "output", "output"),
        "ended",
    ]
    texts = [(r["stream"], r["text"]) for r in records if r["event"] == "output"]
    assert texts == [("stdout", "one"), ("stderr", "e�"), ("stdout", "two"), ("stdout", "rest")]


class Terminal:
    """A terminal of 40 columns, whose screen a small emulator computes."""

    def __init__(self, monkeypatch, columns=40):
        self.raw = io.StringIO()
        self.screen = TerminalScreen(self.raw, lambda: columns)
        monkeypatch.setattr(screen.os, "isatty", lambda descriptor: True)
        monkeypatch.setattr(
            screen, "pass_through", lambda stream, data: self.raw.write(data.decode())
        )

    @property
    def lines(self):
        """Return what a person sees: erased lines are gone."""
        lines = [""]
        for part in re.split(r"(\r\x1b\[\d+A\x1b\[J|\n)", self.raw.getvalue()):
            if part == "\n":
                lines.append("")
            elif part.startswith("\r\x1b["):
                up = int(re.findall(r"\d+", part)[0])
                lines = [*lines[: len(lines) - 1 - up], ""]
            else:
                lines[-1] += part
        return lines[:-1] if lines[-1] == "" else lines


@pytest.fixture
def terminal(monkeypatch):
    return Terminal(monkeypatch)


def test_a_terminal_shows_status_below_the_output(terminal):
    view = show(terminal.screen, STARTED)
    terminal.screen.tick(view)
    terminal.screen.output("stdout", b"hello\n")
    terminal.screen.tick(view)

    assert terminal.lines[0] == "hello"
    assert terminal.lines[1].startswith("run 12  running")
    assert len(terminal.lines) == 2


def test_a_line_not_yet_ended_shows_among_the_status_lines(terminal):
    view = show(terminal.screen, STARTED)
    terminal.screen.output("stderr", b"\x1b[32m 10%\r 20%\x1b[0m")
    terminal.screen.tick(view)

    assert terminal.lines[0] == " 20%"


def test_output_is_complete_when_the_run_has_ended(terminal):
    view = show(terminal.screen, STARTED)
    terminal.screen.output("stdout", b"a\nno newline")
    terminal.screen.tick(view)
    fold([SUCCESS], view)
    terminal.screen.event(SUCCESS, view)
    terminal.screen.finish(view, Path("/runs/12"))

    assert terminal.lines == [
        "a",
        "no newline",
        "run 12 succeeded in 0.0 s, leftovers: none",
        "  folder     /runs/12",
    ]


def test_warnings_stay_on_the_terminal(terminal):
    view = show(terminal.screen, [*STARTED, WARNING])
    terminal.screen.tick(view)

    assert terminal.lines[0] == "onprem: warning: slow"


def test_status_lines_never_wrap(terminal):
    wait = Event(3.0, "cluster_connecting", {"cluster": "a-cluster-with-a-very-long-name" * 3})
    view = show(terminal.screen, [*STARTED, wait])
    terminal.screen.tick(view)

    assert max(map(len, terminal.lines)) < 40
    assert terminal.lines[1].endswith("…")


def test_an_unchanged_status_is_not_drawn_again(terminal):
    view = show(terminal.screen, [*STARTED, SUCCESS])
    terminal.screen.tick(view)
    before = terminal.raw.getvalue()
    terminal.screen.tick(view)

    assert terminal.raw.getvalue() == before


def test_output_goes_straight_through_where_stdout_is_a_file(streams):
    """The status lines are on the terminal all the same."""
    raw = io.StringIO()
    read, write = os.pipe()
    saved = os.dup(1)
    try:
        os.dup2(write, 1)
        TerminalScreen(raw, lambda: 80).output("stdout", b"partial")
    finally:
        os.dup2(saved, 1)
        for descriptor in (read, write, saved):
            os.close(descriptor)

    assert streams["stdout"] == b"partial"
    assert raw.getvalue() == ""


def test_bytes_pass_through_whole_even_when_the_reader_is_slow():
    read, write = os.pipe()
    saved = os.dup(1)
    data = b"x" * 300_000
    got = b""

    def drain():
        nonlocal got
        while part := os.read(read, 4096):
            got += part

    reader = threading.Thread(target=drain)
    reader.start()
    try:
        os.dup2(write, 1)
        screen.pass_through("stdout", data)
    finally:
        os.dup2(saved, 1)
        os.close(write)
        reader.join(20)
        os.close(saved)
        os.close(read)

    assert got == data


@pytest.mark.parametrize(
    ("text", "room", "fitted"),
    [
        ("hello", 5, "hello"),
        ("hello", 4, "hel…"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("a\tb\x1b", 9, "a b "),
        ("hello", 0, ""),
        ("é" * 3, 3, "é" * 3),
    ],
)
def test_texts_are_cut_by_the_columns_that_they_take(text, room, fitted):
    assert fit(text, room) == fitted
    assert cells(fitted) <= max(room, 0)
