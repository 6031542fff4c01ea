"""Runs that are one batch job, on two real clusters: Slurm, and a host that is used without it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from towline.clusters.on_testbed import defined
from towline.engine.batch_job import BatchRequest
from towline.errors import DefinitionError
from towline.runs import RunFolder
from towline.runs.batch_job import request_path, run_here
from towline.runs.cancel import cancel
from towline.runs.folder import VARIABLE
from towline.runs.launching import prepare
from towline.runs.liveness import final_event
from towline.runs.spawn import start_detached, start_reaper, start_supervisor
from towline.testbed import Testbed
from towline.workflows import from_folder

from .conftest import event_of, wait_for, wait_for_event, wait_for_output

SLURM = {"cluster": "onprem", "partition": "compute", "walltime": "00:05:00"}
WITHOUT = {"cluster": "cloud", "provider": "controller"}
DEADLINE = 60.0

SCRIPT = "import sys\nfrom towline.runs.batch_job import main\nsys.exit(main())\n"


class Job:
    """A run that is one batch job, with its real supervisor."""

    def __init__(self, folder: RunFolder, work: Path, *, started: bool = False) -> None:
        self.folder = folder
        self.work = work
        if not started:
            self.supervisor = start_supervisor(folder)

    def end(self, seconds: float = DEADLINE) -> dict[str, Any]:
        """Wait for the run's last event and return its facts."""
        wait_for("the end of the run", lambda: final_event(self.folder), seconds)
        event = final_event(self.folder)
        assert event is not None
        return event.facts

    @property
    def script(self) -> dict[str, Any]:
        event = event_of(self.folder, "script_ended")
        assert event is not None
        return event.facts

    @property
    def log(self) -> tuple[str, str]:
        return self.folder.stdout_log.read_text(), self.folder.stderr_log.read_text()


@pytest.fixture
def clusters(testbed: Testbed, late: Job) -> Iterator[Testbed]:
    """Both clusters of the testbed, defined; a cut is mended, jobs are left alone."""
    with defined(testbed):
        yield testbed
        testbed.restore("onprem")


Start = Callable[..., Job]


def begin(
    place: Path,
    on: dict[str, Any],
    *argv: str,
    files: dict[str, str] | None = None,
    outputs: tuple[str, ...] = (),
) -> Job:
    """Start a run that is one batch job, in a folder of its own below ``place``."""
    work = place / f"work{len(list(place.glob('work*')))}"
    work.mkdir()
    for name, text in (files or {}).items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    script = place / "script.py"
    script.write_text(SCRIPT)
    folder = RunFolder.create(script, cwd=work)
    inputs = folder.path / "inputs.json"
    inputs.write_text(json.dumps({"name": "Ann", "image": f"{work}/a.png"}))
    BatchRequest.of(on, argv, outputs, inputs).write(request_path(folder))
    return Job(folder, work)


@pytest.fixture
def start(clusters: Testbed, tmp_path: Path) -> Iterator[Start]:
    """Start a run that is one batch job; its supervisor is ended at last."""
    jobs: list[Job] = []

    def one(on: dict[str, Any], *argv: str, **more: Any) -> Job:
        jobs.append(begin(tmp_path, on, *argv, **more))
        return jobs[-1]

    yield one
    for job in jobs:
        job.supervisor.kill()
        job.supervisor.wait()


@pytest.fixture(scope="module")
def late(testbed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    """A job that is over its walltime; Slurm looks only every half minute, so it is begun first."""
    place = tmp_path_factory.mktemp("late")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOWLINE_HOME", str(place / "home"))
        patch.delenv(VARIABLE, raising=False)
        with defined(testbed):
            job = begin(place, {**SLURM, "cluster": "cloud"}, *sh("echo partial > part; sleep 600"))
            wait_for("the late job to run", lambda: running(job), DEADLINE)
    over = ["scontrol", "update", f"jobid={running(job)}", "EndTime=now"]
    assert testbed.exec("cloud-ctl", over).returncode == 0
    yield job
    job.supervisor.kill()
    job.supervisor.wait()


def sh(program: str) -> tuple[str, ...]:
    return ("sh", "-c", program)


def nothing_is_left(testbed: Testbed, job: Job) -> None:
    """Ask the hosts themselves for jobs, processes and folders of a run."""
    tag = job.folder.tag
    for host in ("onprem", "cloud"):
        asked = "squeue -h -o %j; ps -eo args | grep -v grep; ls ~/.towline/runs 2>/dev/null; :"
        assert tag not in testbed.ssh(host, asked).stdout
    assert job.folder.ledger.open_entries() == []
    assert job.end()["leftovers"] == []


WORKFLOW = """
title: Sum on a node
inputs:
  where: {type: cluster, argument: false}
  words: {type: string}
  table: {type: file}
  often: {type: boolean, true-value: "Yes"}
on: {cluster: {input: where}, partition: compute, WALLTIME: "00:05:00",
     worker_init: export GREETING='from the node'}
run: [python, main.py]
outputs: [results/**/*.csv, "missing/*.png"]
"""
MAIN = """
import json, os, pathlib, sys
print(json.dumps(sys.argv[1:]), flush=True)
inputs = json.load(open(os.environ["TOWLINE_INPUTS"]))
print(os.environ["GREETING"], os.environ["SLURM_JOB_NUM_NODES"], file=sys.stderr)
pathlib.Path("results/deep").mkdir(parents=True)
pathlib.Path("results/deep/a.csv").write_text(open(inputs["table"]).read() * 2)
pathlib.Path("scratch.tmp").write_text("x")
"""


def test_a_workflow_runs_as_a_job_and_its_results_come_back(
    clusters: Testbed, tmp_path: Path
) -> None:
    """Inputs reach it as they are, the working folder is sent, outputs and both logs return."""
    words = "a b $HOME `id`; 'x' \"y\" |ü"
    flow = tmp_path / "flow"
    flow.mkdir()
    (flow / "workflow.yaml").write_text(WORKFLOW)
    (flow / "main.py").write_text(MAIN)
    (flow / "platform.py").write_text("raise SystemExit('Towline has imported a file of mine')")
    (tmp_path / "in put.csv").write_text("1,2\n")
    values = {"where": "onprem", "words": words, "table": str(tmp_path / "in put.csv")}
    prepared = prepare(from_folder(flow), {**values, "often": True})
    start_detached(prepared.folder, prepared.secrets)
    job = Job(prepared.folder, prepared.folder.work, started=True)
    end = job.end()
    stdout, stderr = job.log
    assert (end["state"], job.script["exit_code"]) == ("succeeded", 0), stderr
    argv = json.loads(stdout)
    assert argv[:3] == ["--words", words, "--table"]
    assert argv[4:] == ["--often", "Yes"]
    assert stderr == "from the node 1\n"
    assert (job.work / "results/deep/a.csv").read_text() == "1,2\n1,2\n"
    assert not (job.work / "scratch.tmp").exists()
    assert texts(job, "warning") == ["outputs: missing/*.png names no file that the job has left"]
    nothing_is_left(clusters, job)


@contextlib.contextmanager
def down(testbed: Testbed, node: str) -> Iterator[None]:
    """Have Slurm's administrator take a node down."""
    update = ["scontrol", "update", f"nodename={node}"]
    testbed.exec("onprem-ctl", [*update, "state=down", "reason=test"])
    yield
    testbed.exec("onprem-ctl", [*update, "state=resume"], check=False)  # it may be back by itself
    state = ["sinfo", "-h", "-n", node, "-o", "%t"]
    wait_for("the node", lambda: "idle" in testbed.exec("onprem-ctl", state).stdout, DEADLINE)


def test_the_program_s_own_end_is_the_run_s(start: Start, clusters: Testbed):
    """Exit code and signal, on Slurm and on a host without a scheduler; but not a node's end."""
    three = start(SLURM, *sh("echo ends; exit 3"))
    killed = start(WITHOUT, *sh("echo $$; kill -9 $$"))
    bad = start(WITHOUT, "no-such-program")

    assert three.end()["reason"] == "the script ended with exit code 3"
    assert three.script["exit_code"] == 3
    assert three.log == ("ends\n", "")
    node_lost = start(SLURM, *sh("echo up; sleep 600"))
    assert killed.end()["state"] == "failed"
    assert killed.script["exit_code"] == 128 + signal.SIGKILL
    assert "exit code 137: as after SIGKILL" in texts(killed, "note")
    assert bad.end()["state"] == "failed"
    assert bad.script["exit_code"] == 127
    assert "no-such-program" in bad.log[1]
    wait_for_output(node_lost.folder, "up")
    with down(clusters, running(node_lost, "nodes")):
        assert "NODE_FAIL" in node_lost.end()["reason"]
    assert node_lost.end()["exit_code"] == 4
    for job in (three, killed, bad, node_lost):
        nothing_is_left(clusters, job)


def test_a_cut_connection_costs_nothing(start: Start, clusters: Testbed) -> None:
    """A job that ends while nobody can look: all its output arrives, once, and its exit code."""
    count = "i=0; until [ -e go ]; do echo line $i; i=$((i+1)); sleep 0.1; done; echo $i; exit 4"
    job = start(SLURM, *sh(count))
    wait_for_output(job.folder, "line 3")
    clusters.cut("onprem")
    wait_for("word of the cut", lambda: texts(job, "warning"), DEADLINE)
    work = f"/home/*/.towline/runs/{job.folder.tag}/work"
    clusters.exec("onprem-ctl", ["sh", "-c", f"for at in {work}; do touch $at/go; done"])
    clusters.restore("onprem")

    assert job.end()["state"] == "failed"
    assert job.script["exit_code"] == 4
    *lines, number = job.log[0].splitlines()
    assert lines == [f"line {i}" for i in range(int(number))]
    nothing_is_left(clusters, job)


def test_whoever_ends_the_run_ends_the_job(start: Start, clusters: Testbed):
    """A cancel, a kill of the script and a kill of the supervisor; the site's own cancel, too."""
    asked, lost, gone = (start(SLURM, *sh("echo up; sleep 600")) for _ in range(3))
    taken = start(SLURM, *sh("echo up; sleep 600"))
    for job in (asked, lost, gone, taken):
        wait_for_output(job.folder, "up")
    clusters.ssh("onprem", f"scancel {running(taken)}")
    cancel(asked.folder)
    os.kill(wait_for_event(lost.folder, "running").facts["pid"], signal.SIGKILL)
    os.kill(gone.supervisor.pid, signal.SIGKILL)
    gone.supervisor.wait()
    start_reaper(gone.folder).wait(DEADLINE)

    assert (asked.end()["state"], asked.end()["exit_code"]) == ("cancelled", 130)
    assert lost.end()["reason"] == "the script was killed by signal 9 (SIGKILL)"
    assert gone.end()["state"] == "lost"
    assert (taken.end()["state"], taken.end()["exit_code"]) == ("failed", 4)
    assert "CANCELLED" in taken.end()["reason"]
    for job in (asked, lost, gone, taken):
        nothing_is_left(clusters, job)


def test_on_this_machine_there_is_nothing_between(start: Start):
    """The cluster `local` runs the program here, with its exit code and its walltime."""
    job = start({"cluster": "local"}, *sh("pwd; echo $TOWLINE_INPUTS; exit 5"))
    assert job.end()["state"] == "failed"
    assert job.script["exit_code"] == 5
    assert job.log[0] == f"{job.work}\n{job.folder.path}/inputs.json\n"


def test_a_walltime_counts_on_this_machine_too() -> None:
    nap = BatchRequest.of({"cluster": "local"}, ["sleep", "60"])
    assert run_here(nap, 0.1) == 124
    with pytest.raises(DefinitionError, match="cannot be started"):
        run_here(BatchRequest.of({"cluster": "local"}, ["no-such-program"]), None)


def test_a_job_over_its_walltime_has_failed_with_the_scheduler_s_word(late: Job, testbed: Testbed):
    """And what it had written by then is brought back."""
    end = late.end()
    assert (end["state"], end["exit_code"]) == ("failed", 4)
    assert "TIMEOUT" in end["reason"]
    assert (late.work / "part").read_text() == "partial\n"
    nothing_is_left(testbed, late)


def texts(job: Job, event: str) -> list[str]:
    return [e.facts["text"] for e in job.folder.events.read() if e.name == event]


def running(job: Job, fact: str = "job_id") -> str:
    """Return the scheduler's id of a job that runs, or another fact; empty while it does not."""
    blocks = [e.facts for e in job.folder.events.read() if e.name == "block"]
    return next((b[fact] for b in blocks if b["state"] == "running"), "")
