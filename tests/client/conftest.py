"""Fixtures for tests of the client."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from towline.workflows import Catalog, FromPath

from .server_process import ServerProcess, write_workflow

GREET = """
import towline
inputs = towline.inputs()
print(f"hello {inputs.name}")
open("greeting.txt", "w").write(f"hello {inputs.name}\\n")
"""
WAITS = """
import os, sys, time
import towline
gate = towline.inputs().gate
print("before", flush=True)
while not os.path.exists(gate):
    time.sleep(0.05)
print("after \\u00e9\\u00e8 " + "x" * 100, flush=True)
"""


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Run one server with a few workflows for all tests that do not care which it is."""
    home = tmp_path_factory.mktemp("served")
    sockets = Path(tempfile.mkdtemp(prefix="tl-", dir="/tmp"))
    process = ServerProcess(home, sockets)
    install(process, "greet", GREET, "inputs: {name: {default: world}}\noutputs: [greeting.txt]\n")
    install(process, "waits", WAITS, "inputs: {gate: {}}\n")
    install(
        process,
        "uses_here",
        WAITS,
        "inputs: {gate: {}}\nexecutors: {x: {cluster: here}}\n",
    )
    reads = "import towline\nprint(open(towline.inputs().file).read(), end='')"
    install(process, "reads", reads, "inputs: {file: {type: file}}\n")
    install(process, "orders", "print('::error::from the script')")
    install(process, "fails", "print('so far')\nraise SystemExit('no luck')")
    clusters = home / "config" / "clusters"
    clusters.mkdir(parents=True)
    (clusters / "here.yaml").write_text("type: local\n")
    process.start()
    yield process
    process.stop()
    shutil.rmtree(sockets)


def install(process: ServerProcess, name: str, script: str, more: str = "") -> None:
    """Install a workflow for a server."""
    folder = write_workflow(process.home / "from" / name, script, more)
    Catalog(process.home / "state" / "workflows").add(FromPath(folder), name)


@pytest.fixture
def own(served: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> ServerProcess:
    """Let this process be one of the server's own user."""
    for name, value in served.environment.items():
        if name.startswith("TOWLINE_"):
            monkeypatch.setenv(name, value)
    for name in ("TOWLINE_SERVER", "TOWLINE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return served
