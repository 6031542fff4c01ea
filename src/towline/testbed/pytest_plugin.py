"""Pytest fixtures: ``testbed``, one a session, and ``healthy_testbed``, well after each test.

``scheduler_testbed`` is another one, with a cluster for each scheduler.

Register it in a ``conftest.py``: ``pytest_plugins = ["towline.testbed.pytest_plugin"]``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from towline.errors import TestbedError
from towline.testbed.requirements import what_is_missing
from towline.testbed.root_tree import root_tree
from towline.testbed.testbed import Testbed

_REASON = "no testbed can run here"
_NO_TREE = "no other schedulers can run here"
SCHEDULER_CLUSTERS = ("onprem", "sge", "condor", "slurm24")
"""Of the ``scheduler_testbed``."""

_why_no_tree: list[str] = []


@pytest.fixture(scope="session")
def testbed_can_run() -> None:
    """Skip tests that boot a testbed of their own on a machine that cannot carry one."""
    if what_is_missing():
        pytest.skip(_REASON)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say once, as the last line of all, why tests were left out and what to install."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None:
        return
    skipped = terminal.stats.get("skipped", [])
    if count := sum(_NO_TREE in str(report.longrepr) for report in skipped):
        why = "; ".join(_why_no_tree)
        line = f"NO GRID ENGINE, HTCONDOR, SLURM 24 HERE, {count} tests were left out: {why}"
        terminal.write_line(line, yellow=True, bold=True)
    if count := sum(_REASON in str(report.longrepr) for report in skipped):
        why = "; ".join(what_is_missing())
        line = f"NO TESTBED HERE, {count} tests were left out: {why}"
        terminal.write_line(line, yellow=True, bold=True)


@pytest.fixture(scope="session")
def testbed(testbed_can_run: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """Boot two real Slurm clusters for the whole session; they die with pytest, even by kill -9.

    For tests that break nothing; on a machine that cannot carry a testbed they are skipped.
    """
    with Testbed(tmp_path_factory.mktemp("testbed")) as running:
        yield running


@pytest.fixture
def healthy_testbed(testbed: Testbed) -> Iterator[Testbed]:
    """Lend the session's testbed to a test that breaks it; then heal faults and cancel jobs."""
    yield testbed
    testbed.heal()


@pytest.fixture(scope="session")
def scheduler_testbed(
    testbed_can_run: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Testbed]:
    """Boot a cluster for each scheduler: Slurm 22.05, Slurm 24.11, Grid Engine and HTCondor.

    Makes the root tree when there is none. Where none can be made, the tests are skipped.
    """
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")
    try:
        root_tree(terminal.write_line if terminal else lambda _: None)
    except TestbedError as error:
        _why_no_tree[:] = [str(error)]
        pytest.skip(f"{_NO_TREE}: {error}")
    folder = tmp_path_factory.mktemp("schedulers")
    with Testbed(folder, clusters=SCHEDULER_CLUSTERS) as running:
        yield running
