"""Scheduler commands hang, fail or answer late, for as many calls as asked for."""

from __future__ import annotations

import concurrent.futures
import subprocess
from pathlib import Path

import pytest

from towline.errors import TestbedError
from towline.testbed import CommandFault, Testbed, command_faults

SUBMIT = "sbatch --parsable -o /dev/null --wrap 'sleep 60'"


def test_hung_command_does_its_work_once_healed(healthy_testbed: Testbed) -> None:
    """A hung ``squeue`` gives no answer before it is healed, and the right one after."""
    fault = healthy_testbed.hang_command("onprem", "squeue")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        hung = pool.submit(healthy_testbed.ssh, "onprem", "squeue -h -o '%T'; echo end")
        with pytest.raises(concurrent.futures.TimeoutError):
            hung.result(timeout=1)
        fault.heal()
        assert hung.result(timeout=30).stdout == "end\n"


def test_failing_command_fails_only_so_many_times(healthy_testbed: Testbed) -> None:
    """``times`` calls get the message and the code, the next one works."""
    message = """sbatch: error: it's "no" $HOME `id` %s"""
    healthy_testbed.fail_command("onprem", "sbatch", message, exit_code=3, times=2)
    for _ in range(2):
        failed = healthy_testbed.ssh("onprem", SUBMIT, check=False)
        assert (failed.returncode, failed.stdout, failed.stderr) == (3, "", message + "\n")
    assert healthy_testbed.ssh("onprem", SUBMIT).stdout.strip().isdigit()


def test_late_answer_comes_after_the_work(healthy_testbed: Testbed) -> None:
    """With ``when="after"`` the job is there long before the answer."""
    healthy_testbed.delay_command("cloud", "sbatch", 60, when="after")
    with pytest.raises(subprocess.TimeoutExpired):
        healthy_testbed.ssh("cloud", SUBMIT, timeout=2)
    assert healthy_testbed.ssh("cloud", "squeue -h -o %j").stdout == "wrap\n"
    healthy_testbed.exec("cloud-ctl", ["pkill", "-x", "sleep"])


def test_late_answer_is_the_real_one(healthy_testbed: Testbed) -> None:
    """What comes late is the command's own output and exit code, also with standard input."""
    healthy_testbed.delay_command("cloud", "sbatch", 0.2, when="after")
    submitted = healthy_testbed.ssh("cloud", "sbatch -o /dev/null", input="#!/bin/sh\nsleep 60\n")
    assert submitted.stdout.startswith("Submitted batch job ")
    refused = healthy_testbed.ssh("cloud", "sbatch -p nowhere --wrap true", check=False)
    assert refused.returncode == 1
    assert "invalid partition specified: nowhere" in refused.stderr


def test_lost_answer_leaves_a_job_behind(healthy_testbed: Testbed) -> None:
    """``sbatch`` fails as on a socket time-out, but the job exists."""
    healthy_testbed.lose_answer("onprem", times=1)
    failed = healthy_testbed.ssh("onprem", SUBMIT, check=False)
    assert failed.returncode == 1
    assert "Socket timed out on send/recv operation" in failed.stderr
    assert failed.stdout == ""
    assert healthy_testbed.ssh("onprem", "squeue -h -o %j").stdout == "wrap\n"


def test_command_without_wrapper_is_refused(testbed: Testbed) -> None:
    """A fault for a command that cannot have one names those that can."""
    with pytest.raises(TestbedError, match="no fault for ls; there are sacct, sbatch"):
        testbed.hang_command("onprem", "ls")


def test_turns_are_never_shared(tmp_path: Path) -> None:
    """Of many calls at once exactly ``times`` are hit."""
    command_faults.install(tmp_path, "sbatch", CommandFault("fail", message="no", times=5))
    script = f'fault={tmp_path}/sbatch; . "$fault/script"; echo worked'

    def call(_: int) -> str:
        return subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(call, range(20)))
    assert answers.count("worked\n") == 15


def test_new_fault_replaces_the_old_one(tmp_path: Path) -> None:
    """A command has one fault at a time; removing it twice is no error."""
    command_faults.install(tmp_path, "squeue", CommandFault("hang", times=3))
    command_faults.install(tmp_path, "squeue", CommandFault("fail", message="gone"))
    assert "gone" in (tmp_path / "squeue/script").read_text()
    assert not (tmp_path / "squeue/turns").exists()
    command_faults.remove(tmp_path, "squeue")
    command_faults.remove(tmp_path, "squeue")
    assert not list(tmp_path.iterdir())
