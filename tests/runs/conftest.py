"""A Towline home of its own for each test, real supervisors, and waiting with a deadline."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from towline.runs import Event, RunFolder
from towline.runs.folder import VARIABLE

DRIVER = Path(__file__).with_name("driver.py")
DEADLINE = 30.0  # seconds; reached only when something is broken


def wait_for(what: str, condition: Callable[[], object], seconds: float = DEADLINE) -> None:
    """Wait until a condition holds; fail with what was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:.0f} s in vain for: {what}")
        time.sleep(0.02)


def event_of(folder: RunFolder, name: str) -> Event | None:
    return next((event for event in folder.events.read() if event.name == name), None)


def wait_for_event(folder: RunFolder, name: str) -> Event:
    wait_for(f"event {name} of run {folder.number}", lambda: event_of(folder, name))
    event = event_of(folder, name)
    assert event is not None
    return event


def wait_for_output(folder: RunFolder, text: str) -> None:
    """Wait until the script has written a text to stdout."""

    def written() -> bool:
        return folder.stdout_log.exists() and text in folder.stdout_log.read_text()

    wait_for(f"{text!r} from the script", written)


def until(path: Path) -> str:
    """Return Python that waits until a file is there."""
    return f"import os, time\nwhile not os.path.exists({str(path)!r}): time.sleep(0.01)\n"


def alive(pid: int) -> bool:
    """Say whether a process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def pid_in(path: Path) -> int:
    """Return the pid that a script writes into a file, once it has."""
    wait_for(f"a pid in {path.name}", lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a Towline home of its own, and no outer run."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path / "home"


Script = Callable[[str], Path]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Write a Python script and return its path."""

    def write(text: str) -> Path:
        path = tmp_path / f"script{len(list(tmp_path.glob('script*.py')))}.py"
        path.write_text(text)
        return path

    return write


Supervise = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def supervise() -> Iterator[Supervise]:
    """Start supervisors with little patience and a sweep that the test chooses; end them all."""
    started: list[subprocess.Popen[bytes]] = []
    folders: list[RunFolder] = []

    def start(folder: RunFolder, sweep: str = "clean", *options: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, str(DRIVER), str(folder.path), sweep, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        started.append(process)
        folders.append(folder)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
    for folder in folders:
        end_script(folder)


def end_script(folder: RunFolder) -> None:
    """Kill what a test may have left of a run's script."""
    running = event_of(folder, "running")
    if running is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(int(running.facts["pid"]), signal.SIGKILL)


Towline = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def towline(tmp_path: Path) -> Towline:
    """Run the command line with pipes, as a script of the user's would."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "towline", *map(str, arguments)],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE * 2,
            check=False,
        )

    return run
