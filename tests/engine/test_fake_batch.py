"""PBS Pro, Torque and LSF through the acceptance run and the doctor, against a FAKE batch system.

The commands are stand-ins (fake_batch/) in a user's folder on a real controller behind a real sshd;
jobs are real processes of its nodes. What the real schedulers say is tested on recordings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from acceptance.fakes import Fake
from acceptance.run import CHECKS
from acceptance.schedulers import FAKE_CASES
from acceptance.side_by_side import Results, recorded, run_all, what_ran

import towline
from towline.clusters import ClusterDefinition, ClusterStore, examine, load_facts
from towline.engine.blocks import BlockState
from towline.engine.expiry import expiry_script
from towline.engine.leftovers import find, remove
from towline.engine.schedulers import scheduler_of
from towline.errors import DefinitionError, SubmitRefused
from towline.ssh import Connection
from towline.testbed import Testbed

VERSIONS = {"fake pbs": "20.0.1", "fake torque": "6.1.2", "fake lsf": "10.1.0.14"}
"""What the fakes say that they are."""


@pytest.fixture(scope="module")
def results(testbed: Testbed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results]:
    """Run all fakes, two at once: there are two clusters for three of them."""
    first = run_all(testbed, ["fake pbs", "fake torque"], tmp_path_factory)
    yield {**first, **run_all(testbed, ["fake lsf"], tmp_path_factory)}
    testbed.heal()


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("scheduler", FAKE_CASES)
def test_every_fake_scheduler_passes(results: Results, scheduler: str, check: str) -> None:
    """The run that the real schedulers pass is passed against these stand-ins' words, too."""
    assert results[scheduler][check] == "ok"


def test_the_documented_stand_ins_are_those_that_ran(results: Results) -> None:
    """The second table of docs/schedulers.md names these, and what they went through."""
    ran = what_ran(FAKE_CASES, results, VERSIONS)
    again = "TOWLINE_RECORD=1 pytest, then make_reference.py"
    assert recorded("fake_schedulers.json", ran) == ran, again


@pytest.fixture(params=["pbs", "torque", "lsf"])
def fake(request: pytest.FixtureRequest, clusters: Testbed) -> Iterator[Fake]:
    """A cluster `fake`, whose commands are in a folder of the user's own."""
    fake = Fake(clusters, "onprem", request.param)
    fake.install()
    definition = ClusterDefinition(
        name="fake",
        type=fake.flavour,
        host="onprem",
        ssh_config=str(clusters.ssh_config),
        connections_per_minute=600,
    )
    ClusterStore().add(definition)
    yield fake
    Connection(definition.destination()).close()
    fake.remove()


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
    assert "workq (default): 2/2 nodes" in found["partitions"].detail
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
    """By `towline leftovers`, and by the agent's lease; while it waits, the scheduler says why."""
    definition = ClusterStore().load("fake")
    connection = Connection(definition.destination())
    facts = load_facts(definition, connection)
    submit = "bsub" if fake.flavour == "lsf" else "cat > job.sh; qsub -o out -e err job.sh"
    scheduler = scheduler_of(facts)
    assert scheduler is not None
    for end in (
        lambda: connection.run(expiry_script(facts, "r7-00000007")),
        lambda: remove(connection, "fake", facts, ["r7-00000007"]),
    ):
        fake.run(f"PATH=~/fake-batch/bin:$PATH; {submit}", SCRIPT)
        (waits,) = scheduler.read_list(
            connection.run(scheduler.list_script("tl.r7-00000007.a.0.17")).stdout
        )[-1:]
        assert waits.state is BlockState.QUEUED
        assert waits.reason.startswith(("Job would conflict", "New job is waiting"))
        (left,) = find(connection, "fake", facts, ["r7-00000007"])
        assert (left.kind, left.detail.strip()) == ("job", "queued")
        assert find(connection, "fake", facts, ["r8-00000008"]) == []
        end()
        wait_for("the job's end", lambda: set(fake.states()) == {"F"})
        assert find(connection, "fake", facts, ["r7-00000007"]) == []
    fake.run("rm -f job.sh")


def wait_for(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 45
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.1)
