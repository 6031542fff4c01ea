"""A real server in a process of its own, which a test may kill and start again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

WAIT_SECONDS = 30


class ServerProcess:
    """A server on a Towline home; after `kill` it comes back at the same address.

    Args:
        home: TOWLINE_HOME.
        sockets: TOWLINE_RUNTIME_DIR; a short path.

    """

    def __init__(self, home: Path, sockets: Path) -> None:
        self.home = home
        self.folder = home / "state" / "server"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("TOWLINE_", "GITHUB_"))},
            "TOWLINE_HOME": str(home),
            "TOWLINE_RUNTIME_DIR": str(sockets),
        }
        self.url = ""
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._log = (home / "server-process.log").open("ab")

    def start(self) -> ServerProcess:
        """Return when it answers."""
        command = [sys.executable, "-m", "towline", "server", "--port", str(self._port)]
        self._process = subprocess.Popen(
            command, env=self.environment, stdout=self._log, stderr=self._log
        )
        deadline = time.monotonic() + WAIT_SECONDS
        while self._record().get("pid") != self._process.pid:
            assert self._process.poll() is None, (self.home / "server-process.log").read_text()
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.02)
        self.url = self._record()["url"]
        self._port = int(self.url.rpartition(":")[2])
        return self

    def kill(self) -> None:
        """End it at once, as the kernel does when memory is short."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as `towline down` does."""
        self._end(signal.SIGTERM)
        self._log.close()

    @property
    def key(self) -> str:
        """The key of its own user; another after each start."""
        return (self.folder / "local.key").read_text().strip()

    def towline(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command as this server's user; `more` are variables."""
        return subprocess.run(
            [sys.executable, "-m", "towline", *words],
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=90,
        )

    def make_key(self, *scopes: str, name: str = "test") -> str:
        """Return a new key that outlives the server's restarts."""
        words = [word for scope in scopes for word in ("--scope", scope)]
        made = self.towline("key", "create", name, *words, "--json")
        return str(json.loads(made.stdout)["key"])

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)
        self._process.wait(WAIT_SECONDS)

    def _record(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.folder / "server.json").read_text()))
        except (OSError, ValueError):
            return {}


def write_workflow(folder: Path, script: str, more: str = "") -> Path:
    """Write a workflow folder whose script is this text."""
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(script)
    (folder / "workflow.yaml").write_text(f"title: Test\nrun: [python, main.py]\n{more}")
    return folder
