"""A home of its own for each test, small scripts, and runs with real supervisors."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from towline.runs import RunFolder
from towline.runs.folder import VARIABLE
from towline.runs.spawn import start_detached
from towline.server.access.local_key import read_local_key
from towline.server.process import ServerRecord, up
from towline.server.settings import server_folder
from towline.store import Store
from towline.workflows import Catalog, FromPath

DEADLINE = 30.0  # seconds; reached only when something is broken


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio, as the server does."""
    return "asyncio"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a Towline home of its own, and no outer run."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path / "home"


@pytest.fixture
async def store(home: Path, anyio_backend: str) -> AsyncIterator[Store]:
    """Open a database in the home."""
    store = Store(home / "towline.db")
    await store.open()
    yield store
    await store.close()


Started = Callable[[str], RunFolder]


@pytest.fixture
def started(home: Path, tmp_path: Path) -> Iterator[Started]:
    """Start runs of small scripts as the command line does; kill at the end what still lives."""
    folders: list[RunFolder] = []

    def start(text: str) -> RunFolder:
        script = tmp_path / f"script{len(folders)}.py"
        script.write_text(text)
        folder = RunFolder.create(script)
        start_detached(folder)
        folders.append(folder)
        return folder

    yield start
    for folder in folders:
        kill_run(folder)


def kill_run(folder: RunFolder) -> None:
    """Kill supervisor and script of a run, if they still live."""
    with contextlib.suppress(OSError):
        running = [event for event in folder.events.read() if event.name == "running"]
        keeper = folder.keeper()
        if keeper is not None and keeper.look().value == "alive":
            os.kill(keeper.pid, signal.SIGKILL)
        for event in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(event.facts["pid"]), signal.SIGKILL)


def alive(pid: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


async def until(what: str, holds: Callable[[], object]) -> None:
    """Wait until something holds; fail with what was waited for."""
    deadline = time.monotonic() + DEADLINE
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {DEADLINE:.0f} s in vain for: {what}")
        await asyncio.sleep(0.02)


def waits_for(path: Path) -> str:
    """Return Python that waits until a file is there."""
    return f"import os, time\nwhile not os.path.exists({str(path)!r}): time.sleep(0.01)\n"


class RealServer:
    """A server process of its own; it can be killed, and started again on the same port."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = 0
        self.record: ServerRecord
        self.client: httpx2.Client

    def start(self) -> None:
        """Start it and open a client with the local user's key."""
        options = ["--port", str(self.port)]
        self.record, _ = up(server_folder(), options)
        self.port = int(self.record.url.rpartition(":")[2])
        key = read_local_key(server_folder())
        self.client = httpx2.Client(
            base_url=f"http://127.0.0.1:{self.port}/api/v1",
            headers={"Authorization": f"Bearer {key}"},
            timeout=DEADLINE,
        )

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        os.kill(self.record.process.pid, signal.SIGKILL)
        os.waitpid(self.record.process.pid, 0)

    def end(self) -> None:
        """End it as `towline down` does."""
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            os.kill(self.record.process.pid, signal.SIGTERM)
            os.waitpid(self.record.process.pid, 0)

    def install(self, name: str, script: str, **definition: object) -> None:
        """Install a workflow whose script is given."""
        folder = self.home.parent / "sources" / name
        folder.mkdir(parents=True)
        (folder / "main.py").write_text(script)
        text = json.dumps({"title": name, "run": ["python", "main.py"], **definition})
        (folder / "workflow.yaml").write_text(text)
        Catalog().add(FromPath(folder), name)

    def launch(self, workflow: str, **more: object) -> int:
        """Launch a workflow; return the run's number."""
        answer = self.client.post("/runs", json={"workflow": workflow, **more})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["number"])

    def wait_for(self, number: int, what: str, holds: Callable[[dict[str, Any]], object]) -> Any:
        """Return a run once something holds of it."""
        deadline = time.monotonic() + DEADLINE
        while True:
            run = self.client.get(f"/runs/{number}").json()
            if holds(run):
                return run
            if time.monotonic() > deadline:
                pytest.fail(f"waited {DEADLINE:.0f} s in vain for: {what} of run {run}")
            time.sleep(0.02)

    def end_of(self, number: int) -> Any:
        """Return a run once it has ended."""
        return self.wait_for(number, "the end", lambda run: run["final"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """Serve a home that the tests of one module share, by a process of its own."""
    base = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOWLINE_HOME", str(base / "home"))
        patch.delenv(VARIABLE, raising=False)
        server = RealServer(base / "home")
        server.start()
        try:
            yield server
        finally:
            server.client.close()
            server.end()
            for folder in RunFolder.all():
                kill_run(folder)
