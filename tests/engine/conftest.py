"""Both clusters of the testbed, defined in a TOWLINE_HOME of the test's own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from towline.clusters.on_testbed import defined
from towline.testbed import Testbed


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A TOWLINE_HOME of the test's own, and a short folder for its sockets."""
    sockets = tempfile.mkdtemp(prefix="tl-", dir="/tmp")
    monkeypatch.setenv("TOWLINE_RUNTIME_DIR", sockets)
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TOWLINE_RUN", raising=False)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    shutil.rmtree(sockets)


@pytest.fixture
def clusters(home: Path, healthy_testbed: Testbed) -> Iterator[Testbed]:
    """The testbed with both clusters defined; their connections are closed afterwards."""
    with defined(healthy_testbed):
        yield healthy_testbed


@pytest.fixture
def leftovers(clusters: Testbed) -> Callable[[], list[str]]:
    """Ask the hosts themselves, by ps, squeue and ls, what is left of any run."""

    def ask() -> list[str]:
        found = []
        for name in ("onprem", "cloud"):
            info = clusters.clusters[name]
            for host in (info.controller, *info.nodes):
                shown = clusters.exec(host, ["ps", "-u", info.user, "-o", "args="], check=False)
                found += [f"{host}: {line}" for line in shown.stdout.splitlines() if is_ours(line)]
            asked = clusters.ssh(
                name, "squeue -h; ls -d ~/.towline/runs/* ~/towline-* 2>/dev/null; :"
            )
            found += [f"{name}: {line}" for line in asked.stdout.splitlines()]
        return found

    return ask


def is_ours(line: str) -> bool:
    """Return whether a process is one that a run started."""
    return ".towline" in line or "process_worker_pool" in line
