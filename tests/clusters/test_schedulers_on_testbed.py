"""The doctor on real Grid Engine, HTCondor and Slurm 24.11."""

from __future__ import annotations

from pathlib import Path

import pytest

from towline.clusters import ClusterDefinition, Status, connect, examine, probe
from towline.clusters.look import look
from towline.ssh import Connection
from towline.testbed import Testbed

QUEUES = {
    "sge": ("compute", 60, "Grid Engine 8.1.9"),
    "condor": ("pool", None, "HTCondor 23"),
    "slurm24": ("compute", 60, "Slurm 24.11"),
}
ASK = "ls -A ~/.towline/runs; squeue -h 2>/dev/null; condor_q -af ClusterId 2>/dev/null; :"


@pytest.mark.parametrize("name", QUEUES)
def test_every_step_of_the_doctor_passes(
    scheduler_testbed: Testbed, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scheduler, queues as partitions, the nodes' way to the controller, a job that takes it."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path))
    info = scheduler_testbed.clusters[name]
    definition = ClusterDefinition(
        name=name,
        type=info.scheduler,
        host=name,
        ssh_config=str(scheduler_testbed.ssh_config),
        connections_per_minute=600,
    )
    shell = connect(definition)
    assert isinstance(shell, Connection)
    try:
        steps = {step.name: step for step in examine(definition, deep=True, shell=shell)}
        facts = probe(shell, definition)
    finally:
        shell.close()
    failed = {step.name: step.detail for step in steps.values() if step.status is Status.FAIL}
    assert failed == {}
    queue, limit, version = QUEUES[name]
    assert steps["scheduler"].detail.startswith(version)
    assert "sees" in steps["test job"].detail
    assert steps["test job"].status is Status.OK
    first = facts.partitions[0]
    assert (first.name, first.max_time_minutes, first.cpus_per_node) == (queue, limit, 4)
    assert (first.nodes, first.nodes_available, facts.node_address) == (2, 2, info.inside_address)
    assert scheduler_testbed.ssh(name, ASK).stdout == ""


JOB = {
    "sge": "echo 'sleep 300' | qsub -N tl.r5-0badcafe.x.0 -o /dev/null -e /dev/null",
    "condor": "printf '%s\\n' executable=/bin/sleep arguments=300 "
    "batch_name=tl.r5-0badcafe.x.0 request_memory=50M queue | condor_submit",
    "slurm24": "sbatch -J tl.r5-0badcafe.x.0 -o /dev/null --wrap 'sleep 300'",
}
REMOVE = {"sge": "qdel '*'", "condor": "condor_rm -all", "slurm24": "scancel -u $USER"}


@pytest.mark.parametrize("name", QUEUES)
def test_a_look_shows_queues_nodes_and_our_job(
    scheduler_testbed: Testbed, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one round trip, from the scheduler's own words."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path))
    info = scheduler_testbed.clusters[name]
    definition = ClusterDefinition(
        name=name,
        type=info.scheduler,
        host=name,
        ssh_config=str(scheduler_testbed.ssh_config),
        connections_per_minute=600,
    )
    shell = connect(definition)
    assert isinstance(shell, Connection)
    scheduler_testbed.ssh(name, JOB[name])
    try:
        seen = look(shell, definition)
    finally:
        scheduler_testbed.ssh(name, REMOVE[name])
        shell.close()
    assert seen.partitions is not None and seen.jobs is not None
    assert QUEUES[name][0] in [part.name for part in seen.partitions]
    assert (seen.registered_workers, sum((seen.nodes_by_state or {}).values())) == (2, 2)
    assert [job.run for job in seen.jobs] == ["r5-0badcafe"]
