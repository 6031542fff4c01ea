"""Where a watched run is drawn: a terminal, a pipe, JSON lines, or nowhere."""

from __future__ import annotations

import json
import os
import re
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

from towline.runs.announce import Announcer
from towline.runs.events import Event
from towline.runs.render import Line, plain, status_lines, summary_lines
from towline.runs.state import RunState
from towline.runs.view import RunView

_SGR = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)")
REDRAW_SECONDS = 0.5  # the clock on the status lines


class Screen(Protocol):
    """What a watcher tells; one for each way to show a run."""

    def output(self, stream: str, data: bytes) -> None:
        """Take what the script has written to ``stdout`` or ``stderr``."""

    def event(self, event: Event, view: RunView) -> None:
        """Take an event, and the picture after it."""

    def tick(self, view: RunView) -> None:
        """Take the chance to redraw; called many times a second."""

    def say(self, text: str) -> None:
        """Tell the user something that is no event."""

    def finish(self, view: RunView, folder: Path) -> None:
        """Write the last words; the run has ended."""

    def leave(self) -> None:
        """Tidy up; the run goes on without a watcher."""


class QuietScreen:
    """The script's own output; of Towline's only what went wrong."""

    def output(self, stream: str, data: bytes) -> None:
        """Pass the script's output through."""
        pass_through(stream, data)

    def event(self, event: Event, view: RunView) -> None:
        """Show nothing."""

    def tick(self, view: RunView) -> None:
        """Show nothing."""

    def say(self, text: str) -> None:
        """Say it: somebody has pressed a key."""
        print(text, file=sys.stderr, flush=True)

    def finish(self, view: RunView, folder: Path) -> None:
        """Write the last words unless all went well."""
        if view.state is not RunState.SUCCEEDED or view.exit_code != 0:
            for line in summary_lines(view, folder):
                self.say(plain(line))

    def leave(self) -> None:
        """Have nothing to tidy up."""


class PlainScreen(QuietScreen):
    """One line an event on stderr, for logs and pipes."""

    def __init__(self) -> None:
        self._announcer = Announcer()

    def event(self, event: Event, view: RunView) -> None:
        """Write the event's line, if it is worth one."""
        if (line := self._announcer.line(event, view)) is not None:
            self.say(line)

    def say(self, text: str) -> None:
        """Write a line that a grep can tell from the script's."""
        print(f"towline: {text}", file=sys.stderr, flush=True)

    def finish(self, view: RunView, folder: Path) -> None:
        """Write the last words."""
        for line in summary_lines(view, folder):
            self.say(plain(line))


class JsonScreen(QuietScreen):
    """The events as JSON lines on stdout; the script's output as events among them."""

    def __init__(self) -> None:
        self._partial = {"stdout": b"", "stderr": b""}

    def output(self, stream: str, data: bytes) -> None:
        """Write each whole line of the script's as an ``output`` event."""
        *lines, self._partial[stream] = (self._partial[stream] + data).split(b"\n")
        for line in lines:
            self._output_line(stream, line)

    def event(self, event: Event, view: RunView) -> None:
        """Write the event as it stands in the log; the last one after all output."""
        if event.name == "ended":
            for stream, rest in self._partial.items():
                if rest:
                    self._output_line(stream, rest)
        self._write(event.as_dict())

    def finish(self, view: RunView, folder: Path) -> None:
        """Have nothing to add: ``ended`` has said it all."""

    def _output_line(self, stream: str, line: bytes) -> None:
        text = line.decode(errors="replace")
        moment = round(time.time(), 3)
        self._write({"time": moment, "event": "output", "stream": stream, "text": text})

    def _write(self, record: dict[str, object]) -> None:
        pass_through("stdout", json.dumps(record, ensure_ascii=False).encode() + b"\n")


class TerminalScreen:
    """The script's output, and below it status lines that are redrawn in place.

    Only whole lines of the script's are written; a line not yet ended (a progress bar) shows as
    the first of the status lines until it is.
    """

    def __init__(self, terminal: IO[str], width: Callable[[], int]) -> None:
        self._terminal = terminal
        self._width = width
        self._colour = not os.environ.get("NO_COLOR")
        self._partial = {"stdout": b"", "stderr": b""}
        self._drawn: list[str] = []
        self._drawn_at = 0.0
        self._announcer = Announcer()

    def output(self, stream: str, data: bytes) -> None:
        """Write whole lines above the status lines; straight through where it is no terminal."""
        if not os.isatty(_descriptor(stream)):
            pass_through(stream, data)
            return
        whole, ending, self._partial[stream] = (self._partial[stream] + data).rpartition(b"\n")
        if ending:
            self._erase()
            pass_through(stream, whole + ending)

    def event(self, event: Event, view: RunView) -> None:
        """Write warnings and errors to stay; the rest shows in the status lines."""
        colour = {"warning": "yellow", "error": "red"}.get(event.name)
        if colour and (line := self._announcer.line(event, view)):
            self._print([(line, colour)])
        self._drawn_at = 0.0

    def tick(self, view: RunView) -> None:
        """Redraw the status lines when something changed, or the clock has moved on."""
        if self._drawn and time.monotonic() - self._drawn_at < REDRAW_SECONDS:
            return
        lines = [self._ansi(line) for line in self._partial_lines()]
        lines += [self._ansi(line) for line in status_lines(view, time.time())]
        if lines != self._drawn:
            self._erase()
            self._terminal.write("".join(f"{line}\n" for line in lines))
            self._terminal.flush()
            self._drawn = lines
        self._drawn_at = time.monotonic()

    def say(self, text: str) -> None:
        """Write a line that stays, above the status lines."""
        self._print([(text, "yellow")])

    def finish(self, view: RunView, folder: Path) -> None:
        """Replace the status lines by the last words."""
        self.leave()
        for line in summary_lines(view, folder):
            self._terminal.write(self._ansi(line, clip=False) + "\n")
        self._terminal.flush()

    def leave(self) -> None:
        """Take the status lines away, and write what the script left without a newline."""
        self._erase()
        for stream, rest in self._partial.items():
            if rest:
                pass_through(stream, rest + b"\n")
                self._partial[stream] = b""

    def _print(self, line: Line) -> None:
        self._erase()
        self._terminal.write(self._ansi(line, clip=False) + "\n")
        self._terminal.flush()

    def _erase(self) -> None:
        if self._drawn:
            self._terminal.write(f"\r\x1b[{len(self._drawn)}A\x1b[J")
            self._terminal.flush()
            self._drawn = []

    def _partial_lines(self) -> list[Line]:
        shown = (
            rest.decode(errors="replace").rstrip("\r").rpartition("\r")[2]
            for rest in self._partial.values()
        )
        return [[(_ESCAPE.sub("", text), "")] for text in shown if text]

    def _ansi(self, line: Line, clip: bool = True) -> str:
        room = self._width() - 1 if clip else 1 << 30
        parts = []
        for text, style in line:
            fitting = fit(text, room)
            room -= cells(fitting)
            code = _SGR.get(style) if self._colour else None
            parts.append(f"\x1b[{code}m{fitting}\x1b[0m" if code and fitting else fitting)
        return "".join(parts)


def cells(text: str) -> int:
    """Return how many columns a text takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def fit(text: str, room: int) -> str:
    """Return a text without control characters, cut to a number of columns."""
    text = "".join(c if c.isprintable() else " " for c in text)
    if cells(text) <= room:
        return text
    while text and cells(text) > room - 1:
        text = text[: min(len(text) - 1, max(0, room - 1))]
    return text + "…" if room > 0 else ""


def pass_through(stream: str, data: bytes) -> None:
    """Write bytes of the script's to our stream of the same name, unchanged and at once."""
    descriptor = _descriptor(stream)
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _descriptor(stream: str) -> int:
    return 1 if stream == "stdout" else 2
