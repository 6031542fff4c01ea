"""Both clusters of the testbed, a TOWLINE_HOME of the test's own, and runs that end with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from towline.clusters.on_testbed import defined
from towline.testbed import Testbed

from .remains import remains
from .towline_run import TowlineRun, towline
from .waiting import until

Start = Callable[..., TowlineRun]
NothingLeft = Callable[..., None]

LEFT_SECONDS = 60.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TOWLINE_HOME of the test's own."""
    home = tmp_path / "home"
    monkeypatch.setenv("TOWLINE_HOME", str(home))
    monkeypatch.delenv("TOWLINE_RUN", raising=False)
    return home


@pytest.fixture
def clusters(home: Path, healthy_testbed: Testbed) -> Iterator[Testbed]:
    """The testbed with both clusters defined; their connections are closed afterwards."""
    with defined(healthy_testbed):
        yield healthy_testbed


@pytest.fixture
def start(tmp_path: Path, clusters: Testbed) -> Iterator[Start]:
    """A function that starts ``towline run`` with a script and its executors."""
    started: list[TowlineRun] = []

    def run(script: str, executors: dict[str, Any] | None, *options: str) -> TowlineRun:
        started.append(TowlineRun(tmp_path / "work", script, executors, *options))
        return started[-1]

    yield run
    for one in started:
        one.stop()


@pytest.fixture
def nothing_left(home: Path, clusters: Testbed) -> NothingLeft:
    """A function that waits until nothing is left of a run, and has Towline say so, too."""

    def check(run: TowlineRun | None = None, seconds: float = LEFT_SECONDS) -> None:
        left: list[str] = []

        def none() -> bool:
            left[:] = remains(clusters, home)
            return not left

        until(none, "nothing to be left", lambda: left, seconds)
        if run is None:
            return
        towline("run", "leftovers", str(run.folder.number))
        assert run.folder.ledger.open_entries() == []

    return check
