"""PBS Pro, Torque and LSF from a script to no leftovers, against a FAKE batch system.

The commands are stand-ins (fake_batch/fake_batch.py) in a user's folder on a real controller behind
a real sshd; jobs are real processes there. What the real schedulers say is tested on recordings.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import parsl
import pytest

import towline
from towline.clusters import ClusterDefinition, ClusterStore, examine, load_facts
from towline.engine.expiry import expiry_script
from towline.engine.leftovers import find, remove
from towline.errors import DefinitionError, SubmitRefused
from towline.runs import RunFolder
from towline.ssh import Connection
from towline.testbed import Testbed

PROGRAM = Path(__file__).parent / "fake_batch" / "fake_batch.py"
PBS = ("qsub", "qstat", "qdel", "pbsnodes")
COMMANDS = {
    "pbs": PBS,
    "torque": PBS,
    "lsf": ("bsub", "bjobs", "bkill", "bqueues", "bhosts", "lsid", "bhist"),
}

FIRST = "echo 'export PATH=$HOME/fake-batch/bin:$PATH' > ~/.bashrc"
LAST = "echo 'PATH=$PATH:$HOME/fake-batch/bin' > ~/.profile"
PATHS = {"pbs": FIRST, "torque": FIRST, "lsf": LAST}
"""Slurm's wrappers have PBS's names, so the fake must come before them; LSF is found as sites have
it, by a profile that only log-ins read."""


class Fake:
    """The fake batch system of one user on a controller."""

    def __init__(self, testbed: Testbed, flavour: str) -> None:
        self._testbed = testbed
        self.flavour = flavour

    def set(self, name: str, text: str = "") -> None:
        """Change one of its settings."""
        self.run(
            f"cat > ~/fake-batch/{name}.new && mv ~/fake-batch/{name}.new ~/fake-batch/{name}", text
        )

    def unset(self, name: str) -> None:
        self.run(f"rm -f ~/fake-batch/{name}")

    def jobs(self) -> list[str]:
        """Return state and name of each job that there ever was."""
        shown = self.run("cd ~/fake-batch/jobs && cat *.json 2>/dev/null | tr ',' '\\n'; :")
        return [line for line in shown.splitlines() if '"state"' in line or '"name"' in line]

    def states(self) -> list[str]:
        return [line.split('"')[3] for line in self.jobs() if '"state"' in line]

    def run(self, script: str, text: str = "") -> str:
        return self._testbed.ssh("onprem", script, input=text).stdout


@pytest.fixture(params=["pbs", "torque", "lsf"])
def fake(
    request: pytest.FixtureRequest, clusters: Testbed, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Fake]:
    """A cluster `fake`, whose commands are in a folder of the user's own."""
    monkeypatch.setattr("towline.engine.batch.POLL_SLOWEST", 0.5)  # it is asked by nobody else
    flavour = request.param
    fake = Fake(clusters, flavour)
    links = "".join(
        f"ln -s ../fake_batch.py ~/fake-batch/bin/{name}\n" for name in COMMANDS[flavour]
    )
    fake.run(
        "mkdir -p ~/fake-batch/bin ~/rc && cp -p ~/.profile ~/.bashrc ~/rc && "
        "cat > ~/fake-batch/fake_batch.py && "
        f"chmod 755 ~/fake-batch/fake_batch.py\n{links}"
        f"{PATHS[flavour]}",
        PROGRAM.read_text(),
    )
    fake.set("flavour", flavour)
    definition = ClusterDefinition(
        name="fake",
        type=flavour,
        host="onprem",
        ssh_config=str(clusters.ssh_config),
        connections_per_minute=600,
    )
    ClusterStore().add(definition)
    yield fake
    Connection(definition.destination()).close()
    fake.run("touch ~/fake-batch/node-lost; rm -rf ~/fake-batch; mv ~/rc/.[bp]* ~; rmdir ~/rc")


def blocks(label: str) -> list[dict[str, Any]]:
    """Return what the run's record says of an executor's blocks, so far."""
    events = RunFolder.all()[0].events.read()
    return [e.facts for e in events if e.name == "block" and e.facts["executor"] == label]


def wait_for(what: str, condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 45
    while not (found := condition()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.1)
    return found


def seen(label: str, **facts: str) -> Callable[[], bool]:
    """Return a condition: a block was once seen so; texts need only be contained."""
    return lambda: any(
        all(wanted in str(block[name]) for name, wanted in facts.items()) for block in blocks(label)
    )


def test_a_block_s_whole_life(fake: Fake, leftovers: Callable[[], list[str]]) -> None:
    """Submitted though the answer is lost, waiting, running, without its node, over its time."""
    common = {"cluster": "fake", "packages": ["parsl"], "heartbeat_threshold": 10}
    fake.set("lose-answer")
    executors = {
        "a": {**common, "partition": "workq", "walltime": "00:30:00", "account": "physics"},
        "later": {**common, "partition": "night"},
    }
    with towline.load(executors, retries=3):
        app = parsl.python_app(platform.node, executors=["a"])
        assert app().result(60) == "onprem-ctl"
        assert seen("a", state="unanswered")()
        assert len(fake.states()) == 2  # one job each: the lost answer's was found, not repeated
        wait_for("a waiting block's reason", seen("later", state="queued", reason="n"))
        assert seen("a", state="running", nodes="onprem-ctl")()

        fake.set("node-lost")
        if fake.flavour == "lsf":  # the host is unknown, and with it the job, until it is back
            wait_for("a host that is away", seen("a", reason="does not answer"))
            fake.unset("node-lost")
            wait_for("the lost job's end", seen("a", state="ended", outcome="failed"))
            assert app().result(60) == "onprem-ctl"
        else:  # the server runs it again, under the same number
            wait_for("a requeued block", seen("a", state="queued", reason="Not enough free nodes"))
            fake.unset("node-lost")
            wait_for(
                "its second start", lambda: [b["state"] for b in blocks("a")].count("running") > 1
            )

        fake.set("minute", "0.01")
        wait_for("the end of its time", seen("a", state="ended", outcome="timeout"))
        fake.set("minute", "60")
    assert seen("later", state="ended", outcome="cancelled")()
    assert set(fake.states()) == {"F"}
    output = RunFolder.all()[0].blocks / "fake" / "jobs"
    assert any(path.stat().st_size for path in output.glob("a.*.stderr"))
    assert leftovers() == []
    assert RunFolder.all()[0].ledger.open_entries() == []


def test_a_refusal_is_said_and_nothing_is_left(
    fake: Fake, leftovers: Callable[[], list[str]]
) -> None:
    """By us, from what the probe saw; by the scheduler, in its words."""
    with pytest.raises(DefinitionError, match="choose one of: workq, night"):
        towline.load({"a": {"cluster": "fake", "partition": "gpu"}})
    with pytest.raises(SubmitRefused, match="limit of 01:00:00"):
        towline.load({"a": {"cluster": "fake", "walltime": "02:00:00"}})
    with pytest.raises(DefinitionError, match="gres"):
        towline.load({"a": {"cluster": "fake", "gres": "gpu:1"}})
    assert fake.states() == []
    assert leftovers() == []


def test_the_doctor_knows_the_scheduler(fake: Fake) -> None:
    """Version, queues and the address that nodes dial."""
    found = {step.name: step for step in examine(ClusterStore().load("fake"))}
    assert {"pbs": "PBS 20.0.1", "torque": "Torque 6.1.2", "lsf": "LSF 10.1.0.14"}[
        fake.flavour
    ] in found["scheduler"].detail
    assert "workq (default): 1/1 nodes" in found["partitions"].detail
    assert found["address for nodes"].status.value in ("ok", "warn")
    assert found["link"].status.value == "ok"


SCRIPT = """#!/bin/bash
#PBS -N tl.r7-00000007.a.0.17
#PBS -q night
#PBS -l walltime=00:10:00
#BSUB -J tl.r7-00000007.a.0.17
#BSUB -q night
#BSUB -W 10
#BSUB -o out
#BSUB -e err
sleep 60
"""


def test_what_a_dead_run_left_is_found_and_ended(fake: Fake) -> None:
    """By `towline leftovers`, and by the agent's lease without any workspace."""
    definition = ClusterStore().load("fake")
    connection = Connection(definition.destination())
    facts = load_facts(definition, connection)
    submit = "bsub" if fake.flavour == "lsf" else "cat > job.sh; qsub -o out -e err job.sh"
    for end in (
        lambda: connection.run(expiry_script(facts, "r7-00000007")),
        lambda: remove(connection, "fake", facts, ["r7-00000007"]),
    ):
        fake.run(f"PATH=~/fake-batch/bin:$PATH; {submit}", SCRIPT)
        (left,) = find(connection, "fake", facts, ["r7-00000007"])
        assert (left.kind, left.detail.strip()) == ("job", "queued")
        assert find(connection, "fake", facts, ["r8-00000008"]) == []
        end()
        wait_for("the job's end", lambda: set(fake.states()) == {"F"})
        assert find(connection, "fake", facts, ["r7-00000007"]) == []
    fake.run("rm -f job.sh")
