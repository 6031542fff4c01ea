"""How a step shows itself: plain lines, or what GitHub makes groups, marks and a summary of."""

from __future__ import annotations

import os
import secrets
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from towline.errors import TowlineError


class Report:
    """Where a step shows what it does; safe to be used by several threads.

    Args:
        stream: where lines go.

    """

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Show a line."""
        self._write(f"{text}\n")

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Show what the body says under a title."""
        self.say(f"== {title}")
        yield

    @contextmanager
    def output(self) -> Iterator[None]:
        """Show the script's own output in the body: whatever it looks like, it is only text."""
        yield

    def text(self, text: str) -> None:
        """Show output of the script, as it is."""
        self._write(text)

    def warning(self, text: str) -> None:
        """Show a warning."""
        self.say(f"warning: {text}")

    def error(self, error: TowlineError) -> None:
        """Show an error: thing, cause, next step."""
        self.say(f"error: {error}")

    def result(self, facts: Mapping[str, str]) -> None:
        """Hand facts on to the job's later steps."""

    def summary(self, markdown: str) -> None:
        """Add to the job's summary."""

    def _write(self, text: str) -> None:
        with self._lock:
            self._stream.write(text)
            self._stream.flush()


class PlainReport(Report):
    """For GitLab, Jenkins and terminals.

    Args:
        stream: where lines go.
        results: a file for ``name=value`` lines (GitLab: ``artifacts: reports: dotenv``).

    """

    def __init__(self, stream: TextIO = sys.stdout, results: Path | None = None) -> None:
        super().__init__(stream)
        self._results = results

    def result(self, facts: Mapping[str, str]) -> None:
        """Append the facts, named as variables are: ``TOWLINE_RUN_ID=12``."""
        if self._results is not None:
            with self._results.open("a") as file:
                for name, value in facts.items():
                    file.write(f"TOWLINE_{name.upper().replace('-', '_')}={_one_line(value)}\n")


class GithubReport(Report):
    """For GitHub Actions, and what understands its commands.

    Args:
        environment: with GITHUB_OUTPUT and GITHUB_STEP_SUMMARY.
        stream: where lines go.

    """

    def __init__(
        self, environment: Mapping[str, str] = os.environ, stream: TextIO = sys.stdout
    ) -> None:
        super().__init__(stream)
        self._environment = environment

    def say(self, text: str) -> None:
        """Show a line; none of ours is taken for a command by chance."""
        super().say("\n".join(_harmless(line) for line in text.split("\n")))

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Fold what the body says."""
        self._write(f"::group::{_data(title)}\n")
        try:
            yield
        finally:
            self._write("::endgroup::\n")

    @contextmanager
    def output(self) -> Iterator[None]:
        """Switch commands off: a script must not be able to give orders to the job."""
        token = secrets.token_hex(16)
        self._write(f"::stop-commands::{token}\n")
        try:
            yield
        finally:
            self._write(f"\n::{token}::\n")

    def warning(self, text: str) -> None:
        """Mark a warning."""
        self._write(f"::warning title=Towline::{_data(text)}\n")

    def error(self, error: TowlineError) -> None:
        """Mark an error."""
        self._write(f"::error title=Towline::{_data(str(error))}\n")

    def result(self, facts: Mapping[str, str]) -> None:
        """Write the step's outputs."""
        lines = "".join(f"{name}={_one_line(value)}\n" for name, value in facts.items())
        self._append("GITHUB_OUTPUT", lines)

    def summary(self, markdown: str) -> None:
        """Add to the job's page."""
        self._append("GITHUB_STEP_SUMMARY", markdown)

    def _append(self, variable: str, text: str) -> None:
        if path := self._environment.get(variable):
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(text)


def _data(text: str) -> str:
    """Return a text as the data of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _harmless(line: str) -> str:
    return f" {line}" if line.lstrip().startswith(("::", "##[")) else line


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())
