"""With accounting, ``sacct`` on ``cloud`` is the real one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from towline.testbed import Testbed, what_is_missing


def test_sacct_tells_a_jobs_end_and_exit_code(testbed_can_run: None, tmp_path: Path) -> None:
    """Slurmdbd and MariaDB boot with the testbed; a finished job is found, with its exit code."""
    if missing := what_is_missing(accounting=True):
        pytest.skip("ACCOUNTING NOT TESTED: " + "; ".join(missing))
    with Testbed(tmp_path / "state", accounting=True) as testbed:
        job = testbed.ssh("cloud", "sbatch --parsable -o /dev/null --wrap 'exit 7'").stdout.strip()
        deadline = time.monotonic() + 60
        wanted = f"{job}|FAILED|7:0"
        seen = ""
        while seen != wanted:  # sacct lags by seconds after a boot
            assert time.monotonic() < deadline, f"sacct last said {seen!r}"
            sacct = f"sacct -X -n -P -j {job} -o JobID,State,ExitCode"
            seen = testbed.ssh("cloud", sacct, check=False).stdout.strip()
            time.sleep(0.2)
        disabled = testbed.ssh("onprem", "sacct", check=False).stderr
        assert "accounting storage is disabled" in disabled
