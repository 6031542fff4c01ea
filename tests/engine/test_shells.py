"""The shell that runs on clusters, in each shell that is here."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from towline.clusters import ClusterFacts
from towline.engine.controller import ControllerBatch, ControllerProcesses
from towline.engine.expiry import expiry_script
from towline.engine.leftovers import _FIND, _REMOVE, _loop
from towline.engine.schedulers.slurm import Slurm

TAG = "r1-00000000"
SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


def argv(shell: str) -> list[str]:
    return [shell, "sh"] if shell == "busybox" else [shell]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    return argv(request.param)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder whose name has all that an unquoted variable would stumble over."""
    root = tmp_path / "a b'c$d"
    (root / "runs" / TAG / "jobs").mkdir(parents=True)
    return root


def run(shell: list[str], script: str, cwd: Path, stdin: str = "") -> str:
    done = subprocess.run(
        [*shell, "-c", script], input=stdin, cwd=cwd, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def start(shell: list[str], jobs: Path, name: str, program: str) -> int:
    shown = run(shell, ControllerBatch(walltime="00:10:00").start_shell(name), jobs, program)
    return int(shown.split()[1])


def wait_for(condition: object, what: str) -> None:
    deadline = time.monotonic() + 15
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)


def test_a_block_on_the_controller_is_started_seen_and_ended(shell: list[str], root: Path) -> None:
    """With all that it started, though its time limit runs in a process of its own."""
    folder = root / "runs" / TAG
    batch = ControllerProcesses(str(folder))
    name = f"tl.{TAG}.c.0.17"
    pid = start(shell, folder / "jobs", name, "sleep 300 & sleep 300\n")

    def listing() -> list[tuple[str, str]]:
        jobs = batch.read_list(run(shell, batch.list_script(f"tl.{TAG}."), root))
        return [(job.job_id, str(job.state)) for job in jobs]

    wait_for(lambda: listing() == [(str(pid), "BlockState.RUNNING")], "running")
    found = run(
        shell, _FIND.replace("@ROOT@", f"'{root}'".replace("b'c", "b'\\''c")) + _loop([TAG]), root
    )
    assert f"@@process|{TAG}|{pid}|" in found
    run(shell, batch.cancel_script([str(pid)]), root)
    wait_for(lambda: not group(pid), "all of the group to end")
    assert listing()[0][1] == "BlockState.ENDED"


def group(pid: int) -> list[str]:
    shown = subprocess.run(["ps", "-eo", "pgid=,args="], capture_output=True, text=True).stdout
    return [line for line in shown.splitlines() if line.split()[0] == str(pid)]


@pytest.mark.parametrize(("code", "outcome"), [(0, "COMPLETED"), (3, "FAILED")])
def test_an_exit_code_is_kept(shell: list[str], root: Path, code: int, outcome: str) -> None:
    """And the output beside it."""
    folder = root / "runs" / TAG
    batch = ControllerProcesses(str(folder))
    start(shell, folder / "jobs", f"tl.{TAG}.c.0.17", f"echo out; exit {code}\n")

    def ended() -> bool:
        jobs = batch.read_list(run(shell, batch.list_script(f"tl.{TAG}."), root))
        return bool(jobs) and jobs[0].outcome is not None and jobs[0].outcome.name == outcome

    wait_for(ended, outcome)
    assert (folder / "jobs" / f"tl.{TAG}.c.0.17.stdout").read_text() == "out\n"


def test_a_runs_folder_is_removed_with_its_processes(shell: list[str], root: Path) -> None:
    """And a second time changes nothing."""
    folder = root / "runs" / TAG
    pid = start(shell, folder / "jobs", f"tl.{TAG}.c.0.17", "sleep 300\n")
    wait_for(lambda: group(pid), "started")
    quoted = "'" + str(root).replace("'", "'\\''") + "'"
    script = _REMOVE.replace("@ROOT@", quoted) + _loop([TAG])
    wait_for(lambda: (folder / "jobs" / f"tl.{TAG}.c.0.17.pid").exists(), "its pid file")
    run(shell, script, root)
    assert not group(pid)
    assert not folder.exists()
    run(shell, script, root)


def test_the_agents_last_script_ends_the_processes(shell: list[str], root: Path) -> None:
    """What is left when the workspace is gone for good."""
    folder = root / "runs" / TAG
    pid = start(shell, folder / "jobs", f"tl.{TAG}.c.0.17", "sleep 300\n")
    wait_for(lambda: (folder / "jobs" / f"tl.{TAG}.c.0.17.pid").exists(), "its pid file")
    run(shell, expiry_script(ClusterFacts(root=str(root)), TAG), root)
    wait_for(lambda: not group(pid), "ended")


def test_slurms_listing_holds_only_our_jobs(shell: list[str], tmp_path: Path) -> None:
    """Jobs of the user's own, with whatever names, are passed over."""
    squeue = tmp_path / "squeue"
    squeue.write_text(
        "#!/bin/sh\n"
        f"printf '7|RUNNING|None|n1|tl.{TAG}.a.0.1\\n8|PENDING|Resources||my | job\\n'\n"
        f"printf '9|RUNNING|None|n1|xtl.{TAG}.a\\n'\n"
    )
    squeue.chmod(0o755)
    slurm = Slurm(ClusterFacts(tools={"squeue": str(squeue)}))
    shown = run(shell, f"PATH={tmp_path}:$PATH\n" + slurm.list_script(f"tl.{TAG}."), tmp_path)
    assert [job.job_id for job in slurm.read_list(shown)] == ["7"]
