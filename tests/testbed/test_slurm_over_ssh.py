"""Both clusters are real: what a user does with Slurm works, by SSH alone."""

from __future__ import annotations

import pytest

from towline.testbed import Testbed

BOTH = pytest.mark.parametrize("cluster", ["onprem", "cloud"])


@BOTH
def test_sinfo_shows_both_partitions_idle(testbed: Testbed, cluster: str) -> None:
    """``sinfo`` lists compute (the default, two nodes) and gpu (one node), nodes up."""
    lines = testbed.ssh(cluster, "sinfo -h -o '%P %D %a %l'").stdout.splitlines()
    assert lines == ["compute* 2 up 1:00:00", "gpu 1 up 1:00:00"]


@BOTH
def test_srun_reaches_two_nodes(testbed: Testbed, cluster: str) -> None:
    """A two-node step runs once on each node."""
    answered = testbed.ssh(cluster, "srun -N2 hostname").stdout.split()
    assert sorted(answered) == list(testbed.clusters[cluster].nodes)


@BOTH
def test_sbatch_output_lands_in_the_shared_home(testbed: Testbed, cluster: str) -> None:
    """A batch job writes its output into the home that controller and nodes share."""
    script = (
        "cd $(mktemp -d -p ~) && sbatch --wait -o out -N2 --wrap 'srun hostname' >/dev/null && "
        "sort out && rm -r $PWD"
    )
    assert testbed.ssh(cluster, script).stdout.split() == list(testbed.clusters[cluster].nodes)


@BOTH
def test_gpu_is_handed_out(testbed: Testbed, cluster: str) -> None:
    """A job on the gpu partition is told which device is its own."""
    command = "srun -p gpu --gres=gpu:1 sh -c 'echo $(hostname) $CUDA_VISIBLE_DEVICES'"
    host, device = testbed.ssh(cluster, command).stdout.split()
    assert host == testbed.clusters[cluster].nodes[1]
    assert device in ("0", "1")


def test_more_gpus_than_there_are_is_refused(testbed: Testbed) -> None:
    """Slurm itself refuses a job that asks for three GPUs of two."""
    done = testbed.ssh("onprem", "srun -p gpu --gres=gpu:3 true", check=False)
    assert done.returncode != 0
    assert "Requested node configuration is not available" in done.stderr


def test_walltime_beyond_the_limit_is_refused_on_onprem(testbed: Testbed) -> None:
    """``onprem`` enforces its partitions' limit of one hour when a job is submitted."""
    done = testbed.ssh("onprem", "sbatch -t 120 --wrap true", check=False)
    assert done.returncode != 0
    assert "Requested time limit is invalid" in done.stderr


def test_walltime_beyond_the_limit_waits_for_ever_on_cloud(testbed: Testbed) -> None:
    """``cloud`` takes such a job, and never starts it: sites differ in this."""
    job = testbed.ssh("cloud", "sbatch -t 120 --parsable --wrap true 2>/dev/null").stdout.strip()
    seen = testbed.ssh("cloud", f"squeue -h -j {job} -o '%T %r'; scancel {job}").stdout.strip()
    assert seen in ("PENDING PartitionConfig", "PENDING PartitionTimeLimit")


@BOTH
def test_stranger_cannot_cancel_a_job_nor_read_a_home(testbed: Testbed, cluster: str) -> None:
    """Two ordinary users of a cluster are kept apart by Slurm and by the file system."""
    owner, stranger, *_ = testbed.clusters[cluster].users
    job = testbed.ssh(cluster, "sbatch --parsable -o /dev/null --wrap 'sleep 60'").stdout.strip()
    try:
        tried = testbed.ssh(cluster, f"scancel {job}; ls /home/{owner}", user=stranger, check=False)
        assert "Access/permission denied" in tried.stderr
        assert f"'/home/{owner}': Permission denied" in tried.stderr
        assert testbed.ssh(cluster, f"squeue -h -j {job} -o %A").stdout.strip() == job
    finally:
        testbed.ssh(cluster, f"scancel {job}")


def test_users_have_other_names_and_numbers_on_each_cluster(testbed: Testbed) -> None:
    """Nothing may rely on one user name or uid for all clusters."""
    ids = {testbed.ssh(c, "id -un; id -u").stdout for c in testbed.clusters}
    assert len(ids) == 2


def test_onprem_has_no_accounting(testbed: Testbed) -> None:
    """On ``onprem`` sacct says that there is none, as on many sites."""
    assert "accounting storage is disabled" in testbed.ssh("onprem", "sacct", check=False).stderr
