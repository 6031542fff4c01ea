"""Every real scheduler through the same run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from acceptance.run import CHECKS
from acceptance.schedulers import CASES

from towline.testbed import Testbed

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "docs" / "data" / "schedulers.json"
"""What the table in docs/schedulers.md is made from; TOWLINE_RECORD=1 writes it anew."""

LIMIT = 300

Results = Mapping[str, Mapping[str, str]]


@pytest.fixture(scope="module")
def results(scheduler_testbed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Run all schedulers at once, each in a process and a TOWLINE_HOME of its own."""

    def one(name: str) -> dict[str, str]:
        home = tmp_path_factory.mktemp(name)
        with tempfile.TemporaryDirectory(prefix="tl-", dir="/tmp") as sockets:
            done = subprocess.run(
                [sys.executable, "-m", "acceptance.run", str(scheduler_testbed.folder), name],
                cwd=Path(__file__).parent,
                env={**os.environ, "TOWLINE_HOME": str(home), "TOWLINE_RUNTIME_DIR": sockets},
                capture_output=True,
                text=True,
                timeout=LIMIT,
            )
        try:
            return dict(json.loads(done.stdout.splitlines()[-1]))
        except (IndexError, ValueError):
            return dict.fromkeys(CHECKS, done.stderr[-3000:])

    with ThreadPoolExecutor(len(CASES)) as pool:
        return dict(zip(CASES, pool.map(one, CASES), strict=True))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("scheduler", CASES)
def test_every_scheduler_passes(results: Results, scheduler: str, check: str) -> None:
    """What a scheduler does to a block is seen, said, and leaves nothing behind."""
    assert results[scheduler][check] == "ok"


def test_the_documented_schedulers_are_those_that_ran(
    results: Results, scheduler_testbed: Testbed
) -> None:
    """The table of docs/schedulers.md names these versions, and what they went through."""
    ran = {
        name: {
            "title": case.title,
            "version": scheduler_testbed.ssh(case.cluster, case.version).stdout.strip(),
            "checks": [check for check in CHECKS if results[name][check] == "ok"],
        }
        for name, case in CASES.items()
    }
    if os.environ.get("TOWLINE_RECORD"):
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_text(json.dumps(ran, indent=1) + "\n")
    assert json.loads(RECORD.read_text()) == ran, "TOWLINE_RECORD=1 pytest, then make_reference.py"
