"""Pytest fixtures: ``testbed``, one a session, and ``healthy_testbed``, well again after a test.

Register it in a ``conftest.py``: ``pytest_plugins = ["towline.testbed.pytest_plugin"]``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from towline.testbed.requirements import what_is_missing
from towline.testbed.testbed import Testbed


@pytest.fixture(scope="session")
def testbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Testbed]:
    """Boot two real Slurm clusters for the whole session; they die with pytest, even by kill -9.

    For tests that break nothing; a machine without a testbed skips them in one line.
    """
    if missing := what_is_missing():
        pytest.skip("NO TESTBED, its tests are left out: " + "; ".join(missing))
    with Testbed(tmp_path_factory.mktemp("testbed")) as running:
        yield running


@pytest.fixture
def healthy_testbed(testbed: Testbed) -> Iterator[Testbed]:
    """Lend the session's testbed to a test that breaks it; then heal faults and cancel jobs."""
    yield testbed
    testbed.heal()
