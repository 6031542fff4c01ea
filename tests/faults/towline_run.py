"""One ``towline run`` as its user sees it: a command, its words, its exit code, its record."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from towline.runs import RunFolder
from towline.runs.events import Event

from .waiting import until

SECONDS = 90.0
"""Generous: this is a deadline, not a measurement."""


@dataclass(frozen=True)
class Ended:
    """How a ``towline run`` came out."""

    exit_code: int
    output: str
    """What it wrote to stdout: the script's own output."""
    words: str
    """What it wrote to stderr: Towline's words, and the script's."""
    run: TowlineRun | None = None

    def __repr__(self) -> str:
        return f"exit code {self.exit_code}\n--- stdout\n{self.output}\n--- stderr\n{self.words}"


class TowlineRun:
    """A ``towline run SCRIPT`` that was started; its process is this test's.

    Args:
        folder: where the script and its executors.json are written; the run's working folder.
        script: text of the script; it calls ``towline.load()``.
        executors: what ``executors.json`` says; None for no file.

    """

    def __init__(
        self, folder: Path, script: str, executors: dict[str, Any] | None, *options: str
    ) -> None:
        self.work = folder
        folder.mkdir(exist_ok=True)
        (folder / "script.py").write_text(script)
        if executors is not None:
            (folder / "executors.json").write_text(json.dumps(executors))
        self._out = (folder / "out").open("w+b")
        self._err = (folder / "err").open("w+b")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "towline", "run", *options, "script.py"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
        )
        self._folder: RunFolder | None = None

    @property
    def folder(self) -> RunFolder:
        """The run's folder, once it has one."""
        if self._folder is None:
            self._folder = until(_newest, "the run to have a folder", self._excerpt, SECONDS)
        return self._folder

    def events(self, name: str, **facts: Any) -> list[Event]:
        """Return the events so far of this name that have these facts."""
        return [
            event
            for event in self.folder.events.read()
            if event.name == name and facts.items() <= event.facts.items()
        ]

    def wait_for(self, name: str, seconds: float = SECONDS, **facts: Any) -> Event:
        """Return the first event of this name with these facts, when it comes."""

        def come() -> Event | None:
            found = self.events(name, **facts)
            if not found and self.events("ended"):
                raise AssertionError(f"ended without {name} {facts}\n{self._excerpt()}")
            return found[0] if found else None

        return until(come, f"event {name} {facts}", self._excerpt, seconds)

    def wait_for_output(self, text: str, times: int = 1, seconds: float = SECONDS) -> None:
        """Wait until the script has written a text so many times."""

        def come() -> bool:
            enough = self._read(self.folder.stdout_log).count(text) >= times
            if not enough and self.events("ended"):
                raise AssertionError(f"ended without {times} x {text!r}\n{self._excerpt()}")
            return enough

        until(come, f"{times} x {text!r} in the output", self._excerpt, seconds)

    def end(self, seconds: float = SECONDS) -> Ended:
        """Wait until the command has ended."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not ended within {seconds} s\n{self._excerpt()}") from None
        return Ended(self.process.returncode, *self._words(), self)

    def stop(self) -> None:
        """End the command if it still runs: a test that failed must leave nothing either."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(60)
            self.process.kill()
            self.process.wait()
        self._out.close()
        self._err.close()

    def _words(self) -> tuple[str, str]:
        texts = []
        for stream in (self._out, self._err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
        return texts[0], texts[1]

    def _excerpt(self) -> str:
        parts = [*self._words()]
        if self._folder is not None:
            parts += [self._read(self._folder.path / name) for name in ("events.jsonl",)]
        return "\n---\n".join(part[-3000:] for part in parts)

    @staticmethod
    def _read(path: Path) -> str:
        return path.read_text(errors="replace") if path.exists() else ""


def towline(*words: str, seconds: float = SECONDS) -> str:
    """Run a ``towline`` command that must succeed; return what it wrote."""
    asked = subprocess.run(
        [sys.executable, "-m", "towline", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert asked.returncode == 0, f"towline {words}: {asked.stdout}{asked.stderr}"
    return asked.stdout


def _newest() -> RunFolder | None:
    return next(iter(RunFolder.all()), None)
