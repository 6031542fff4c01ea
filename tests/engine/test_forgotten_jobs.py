"""Jobs that the controller has forgotten, on a real slurmdbd: ``MinJobAge`` is 2 s here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from parsl.jobs.states import JobState

from towline.clusters.on_testbed import definition_of
from towline.engine.batch import BatchThread
from towline.engine.blocks import Block, BlockState
from towline.engine.scheduler import Observation
from towline.engine.schedulers.slurm import Slurm
from towline.ssh import Connection
from towline.testbed import Testbed, what_is_missing

PREFIX = "tl.r1-accounts."
FORGET_SOON = """\
cd /etc/slurm && cp -p slurm.conf slurm.conf.usual
sed -i 's/^MinJobAge=.*/MinJobAge=2/; s/^SchedulerParameters=/&purge_job_interval=1,/' slurm.conf
scontrol reconfigure
"""
AS_USUAL = "cd /etc/slurm && mv slurm.conf.usual slurm.conf && scontrol reconfigure"


@dataclass
class Forgetful:
    """``cloud``, whose controller forgets a job two seconds after its end."""

    testbed: Testbed
    connection: Connection
    slurm: Slurm = field(default_factory=Slurm)

    def submit(self, name: str, command: str, *options: str) -> str:
        words = f"sbatch --parsable -o /dev/null -J {PREFIX}{name} {' '.join(options)}"
        return self.testbed.ssh("cloud", f"{words} --wrap {command!r}").stdout.strip()

    def as_root(self, script: str) -> str:
        return self.testbed.exec("cloud-ctl", ["sh", "-c", script], check=False).stdout

    def at_controller(self, job: str) -> str:
        """Return the state that the controller tells, or nothing when it has forgotten the job."""
        shown = self.as_root(f"scontrol -o show job {job} | grep -o 'JobState=[A-Z_]*'")
        return shown.strip().removeprefix("JobState=")

    def details(self, *jobs: str) -> dict[str, Observation]:
        answer = self.connection.run(self.slurm.detail_script(jobs), timeout=60)
        return {job.job_id: job for job in self.slurm.read_detail(answer.stdout)}

    def until(self, condition: Callable[[], object], what: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"never: {what}"
            time.sleep(0.2)


@pytest.fixture(scope="module")
def cloud(testbed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forgetful]:
    if missing := what_is_missing(accounting=True):
        pytest.skip("ACCOUNTING NOT TESTED: " + "; ".join(missing))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOWLINE_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr("towline.engine.batch.POLL_SLOWEST", 1.0)  # it is asked by nobody else
        forgetful = Forgetful(testbed, Connection(definition_of(testbed, "cloud").destination()))
        forgetful.as_root(FORGET_SOON)
        yield forgetful
        forgetful.as_root(AS_USUAL)
        forgetful.connection.close()
    testbed.heal()


@pytest.fixture(scope="module", autouse=True)
def overdue(cloud: Forgetful) -> str:
    """A job whose time is over: Slurm looks every 30 s, so it is sent before all tests."""
    job = cloud.submit("timeout", "sleep 300", "-w cloud-n1")
    cloud.until(lambda: cloud.at_controller(job) == "RUNNING", "the job runs")
    cloud.as_root(f"scontrol update JobId={job} EndTime=now+1")
    return job


def test_the_end_of_a_forgotten_job_is_found_in_the_accounting(cloud: Forgetful) -> None:
    """Completed, failed, cancelled by its user, lost with its node: each is told as it was."""
    jobs = {
        "completed": cloud.submit("completed", "true"),
        "failed": cloud.submit("failed", "exit 3"),
        "cancelled": cloud.submit("cancelled", "sleep 300", "-w cloud-n1"),
        "lost": cloud.submit("lost", "sleep 300", "-w cloud-n2", "--no-requeue"),
    }
    for job in ("cancelled", "lost"):
        cloud.until(lambda j=jobs[job]: cloud.at_controller(j) == "RUNNING", f"{job} runs")  # type: ignore[misc]
    cloud.testbed.ssh("cloud", f"scancel {jobs['cancelled']}")
    cloud.as_root("scontrol update NodeName=cloud-n2 State=DOWN Reason=test")
    cloud.as_root("scontrol update NodeName=cloud-n2 State=RESUME")
    for name, job in jobs.items():
        cloud.until(lambda j=job: not cloud.at_controller(j), f"{name} is forgotten")  # type: ignore[misc]
    cloud.until(
        lambda: not any(seen.patience for seen in cloud.details(*jobs.values()).values()),
        "the accounting tells of all",
    )
    seen = cloud.details(*jobs.values())
    told = {name: (seen[job].outcome, seen[job].reason) for name, job in jobs.items()}
    assert told == {
        "completed": (JobState.COMPLETED, "COMPLETED"),
        "failed": (JobState.FAILED, "FAILED"),
        "cancelled": (JobState.CANCELLED, "CANCELLED"),
        "lost": (JobState.FAILED, "NODE_FAIL"),
    }
    assert {seen[job].job_name for job in jobs.values()} == {PREFIX + name for name in jobs}


class Record:
    """What a batch thread tells; also its ledger."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.open: set[str] = set()

    def report(self, event: str, /, **facts: Any) -> None:
        self.reasons.append(str(facts.get("reason", "")))

    def intend(self, kind: str, cluster: str, **what: Any) -> str:
        self.open.add(what["name"])
        return str(what["name"])

    def created(self, entry: str, /, **facts: Any) -> None:
        assert entry in self.open

    def removed(self, entry: str, /, **facts: Any) -> None:
        self.open.remove(entry)


def test_a_block_waits_for_an_accounting_that_is_down(cloud: Forgetful) -> None:
    """Its job failed and was forgotten while slurmdbd was down; the end is told when it is back."""
    record = Record()
    batch = BatchThread(
        "cloud", cloud.connection, cloud.slurm, f"{PREFIX}down", record.report, record
    )
    submitted = threading.Event()

    def send(block: Block) -> str:
        batch.intend(block, f"{PREFIX}down")
        job = cloud.submit("down", "sleep 2; exit 3")
        submitted.set()
        return job

    try:
        block = batch.submit("down", send)
        cloud.until(lambda: block.state is BlockState.RUNNING, "it is seen running")
        cloud.as_root("pkill -x slurmdbd")
        with cloud.testbed.fail_command("cloud", "squeue", "slurm_load_jobs error: busy"):
            cloud.until(lambda: not cloud.at_controller(block.job_id or ""), "it is forgotten")
        cloud.until(lambda: "does not answer" in block.reason, "the accounting is asked")
        assert "Connection refused" in block.reason
        assert block.state is BlockState.RUNNING
        assert record.open
    finally:
        cloud.as_root("pgrep -x slurmdbd || slurmdbd")
    cloud.until(lambda: block.state is BlockState.ENDED, "it is told how it ended")
    batch.close(20)
    assert (block.outcome, block.reason) == (JobState.FAILED, "FAILED")
    assert not record.open


def test_a_job_beyond_its_time_is_told_as_such(cloud: Forgetful, overdue: str) -> None:
    """Also when the controller has forgotten it."""
    cloud.until(lambda: not cloud.at_controller(overdue), "it is forgotten", 90)
    cloud.until(lambda: not cloud.details(overdue)[overdue].patience, "the accounting tells of it")
    seen = cloud.details(overdue)[overdue]
    assert (seen.outcome, seen.reason) == (JobState.TIMEOUT, "TIMEOUT")
