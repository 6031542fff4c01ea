"""``sacct`` on ``cloud`` is the real one, from a database that is made once a machine."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from towline.testbed import Testbed, what_is_missing
from towline.testbed.prepared_database import prepared_file
from towline.testbed.spec import CLOUD


@pytest.fixture(scope="session")
def accounting_can_run(testbed_can_run: None) -> None:
    if missing := what_is_missing(accounting=True):
        pytest.skip("ACCOUNTING NOT TESTED: " + "; ".join(missing))


def until_sacct_says(testbed: Testbed, job: str, wanted: str) -> None:
    """Wait until the accounting, which lags by seconds, knows how a job ended."""
    ask = f"sacct -X -n -P -j {job} -o JobID,State,ExitCode"
    deadline = time.monotonic() + 60
    while (seen := testbed.ssh("cloud", ask, check=False).stdout.strip()) != f"{job}|{wanted}":
        assert time.monotonic() < deadline, f"sacct last said {seen!r}"
        time.sleep(0.2)


def test_sacct_tells_a_jobs_end_and_exit_code(accounting_can_run: None, testbed: Testbed) -> None:
    """Slurmdbd and MariaDB boot with every testbed; a finished job is found, with its exit code."""
    assert testbed.status()["accounting"] == ["cloud"]
    job = testbed.ssh("cloud", "sbatch --parsable -o /dev/null --wrap 'exit 7'").stdout.strip()
    until_sacct_says(testbed, job, "FAILED|7:0")


def test_the_database_is_made_once_and_made_again_when_it_is_spoilt(
    accounting_can_run: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A boot without a whole prepared file makes one, and what boots from it has no job yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    kept = prepared_file(CLOUD)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"half a file")
    with Testbed(tmp_path / "first", accounting=True) as testbed:
        assert list(kept.parent.iterdir()) == [kept]
        job = testbed.ssh("cloud", "sbatch --parsable -o /dev/null --wrap true").stdout.strip()
        until_sacct_says(testbed, job, "COMPLETED|0:0")
        testbed.power_cycle("cloud-ctl")
        until_sacct_says(testbed, job, "COMPLETED|0:0")  # the database has survived
    made = kept.stat().st_mtime_ns
    with Testbed(tmp_path / "second", accounting=True) as testbed:
        assert testbed.ssh("cloud", "sacct -a -n -X -S 2020-01-01").stdout == ""
        nobodys = testbed.exec(
            "cloud-ctl", ["find", "/var/lib/mysql", "-name", "*.ibd", "!", "-user", "mysql"]
        )
        assert nobodys.stdout == ""
    assert kept.stat().st_mtime_ns == made


def test_without_accounting_cloud_boots_like_onprem(testbed_can_run: None, tmp_path: Path) -> None:
    """Who boots many testbeds, or has no MariaDB, does without; ``sacct`` says so."""
    with Testbed(tmp_path / "state", accounting=False) as testbed:
        assert testbed.status()["accounting"] == []
        disabled = testbed.ssh("cloud", "sacct", check=False).stderr
        assert "accounting storage is disabled" in disabled
        ps = testbed.exec("cloud-ctl", ["ps", "-e", "-o", "comm="]).stdout
        assert "mariadbd" not in ps
        assert "slurmdbd" not in ps
