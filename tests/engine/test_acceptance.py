"""Every real scheduler through the same run."""

from __future__ import annotations

import pytest
from acceptance.run import CHECKS
from acceptance.schedulers import CASES
from acceptance.side_by_side import Results, recorded, run_all, what_ran

from towline.testbed import Testbed


@pytest.fixture(scope="module")
def results(scheduler_testbed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Run all schedulers at once."""
    return run_all(scheduler_testbed, list(CASES), tmp_path_factory)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("scheduler", CASES)
def test_every_scheduler_passes(results: Results, scheduler: str, check: str) -> None:
    """What a scheduler does to a block is seen, said, and leaves nothing behind."""
    assert results[scheduler][check] == "ok"


def test_the_documented_schedulers_are_those_that_ran(
    results: Results, scheduler_testbed: Testbed
) -> None:
    """The table of docs/schedulers.md names these versions, and what they went through."""
    versions = {
        name: scheduler_testbed.ssh(case.cluster, case.version).stdout.strip()
        for name, case in CASES.items()
    }
    ran = what_ran(CASES, results, versions)
    again = "TOWLINE_RECORD=1 pytest, then make_reference.py"
    assert recorded("schedulers.json", ran) == ran, again
