"""A home of its own for each test, small scripts, and runs with real supervisors."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from towline.runs import RunFolder
from towline.runs.folder import VARIABLE
from towline.runs.spawn import start_detached
from towline.store import Store

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
