"""What the agent's lease ends, and what a sweep finds and removes, on each real scheduler."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from towline.clusters import ClusterDefinition, ClusterFacts, probe
from towline.engine import find, remove
from towline.engine.expiry import expiry_script
from towline.ssh import Connection
from towline.testbed import Testbed

SUBMIT = {
    "slurm24": "printf '#!/bin/sh\\nsleep 300\\n' | sbatch -J @NAME@ -o /dev/null",
    "sge": "echo sleep 300 | qsub -N @NAME@ -S /bin/sh -o /dev/null -e /dev/null",
    "condor": "printf '%s\\n' executable=/bin/sleep arguments=300 batch_name=@NAME@ 'queue 1' | "
    "condor_submit",
}
MINE, ANOTHERS = "r7-0123abcd", "r8-0123abcd"


@pytest.fixture(params=SUBMIT)
def cluster(
    request: pytest.FixtureRequest,
    scheduler_testbed: Testbed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[str, Connection, ClusterFacts]]:
    """A cluster's name, a connection to it and its facts."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path))
    name = str(request.param)
    definition = ClusterDefinition(
        name=name,
        type=scheduler_testbed.clusters[name].scheduler,
        host=name,
        ssh_config=str(scheduler_testbed.ssh_config),
        connections_per_minute=600,
    )
    connection = Connection(definition.destination())
    yield name, connection, probe(connection, definition)
    connection.close()


def test_a_lease_ends_the_jobs_of_its_own_run_and_a_sweep_the_rest(
    cluster: tuple[str, Connection, ClusterFacts],
) -> None:
    """By the run's tag in their names; jobs of other runs, and the user's own, are left alone."""
    name, connection, facts = cluster

    def jobs(tag: str) -> list[str]:
        return [item.what for item in find(connection, name, facts, [tag]) if item.kind == "job"]

    for job in (f"tl.{MINE}.a.0.1", f"tl.{ANOTHERS}.a.0.1"):
        connection.run(SUBMIT[name].replace("@NAME@", job), check=True)
    assert [len(jobs(MINE)), len(jobs(ANOTHERS))] == [1, 1]
    connection.run(expiry_script(facts, MINE), check=True)
    deadline = time.monotonic() + 60
    while jobs(MINE) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert [len(jobs(MINE)), len(jobs(ANOTHERS))] == [0, 1]
    remove(connection, name, facts, [ANOTHERS])
    assert jobs(ANOTHERS) == []
