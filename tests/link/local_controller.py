"""A controller that is this machine: what the link needs of a connection, without ssh."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Result:
    exit_code: int
    stdout: str
    stderr: str


@dataclass
class LocalController:
    """Runs everything in ``sh`` on this machine, with a home folder of its own.

    ``before`` is sh text put in front of each carrier, such as noise or a failure.
    """

    home: Path
    before: str = ""
    reopen: list[str] = field(default_factory=lambda: ["true"])
    scripts: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "HOME": str(self.home)}

    def run(self, script: str, *, input: bytes = b"", timeout: float = 60.0) -> Result:  # noqa: A002
        self.scripts.append(script)
        done = subprocess.run(
            ["sh", "-c", script],
            input=input,
            capture_output=True,
            timeout=timeout,
            env=self.environment,
            cwd=self.home,
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def argv(self, command: str) -> list[str]:
        return ["env", f"HOME={self.home}", "sh", "-c", f"{self.before}\n{command}"]

    def reopen_argv(self) -> list[str]:
        return self.reopen

    def run_folder(self, tag: str) -> Path:
        return self.home / ".towline" / "runs" / tag

    def agent_pid(self, tag: str) -> int:
        return int((self.run_folder(tag) / "link" / "pid").read_text())

    def agent_log(self, tag: str) -> str:
        return (self.run_folder(tag) / "link" / "log").read_text()

    def agent_facts(self, tag: str) -> dict[str, object]:
        text = (self.run_folder(tag) / "link" / "agent.json").read_text()
        return dict(json.loads(text))


def alive(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def eventually(condition, what: str, seconds: float = 20.0):
    """Wait until ``condition()`` is true and return its value; fail with ``what`` if never."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
