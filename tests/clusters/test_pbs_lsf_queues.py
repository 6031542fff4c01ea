"""Queues of PBS Pro, Torque and LSF, as their commands show them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from towline.clusters._lsf_queues import read_lsf_queues
from towline.clusters._pbs_queues import read_pbs_queues, read_pbs_version

PBS_QUEUES = """\
Queue: workq
    enabled = True
    started = True
    resources_max.nodect = 16
    resources_max.walltime = 48:00:00
Queue: night
    enabled = True
    started = False
Queue: old
    enabled = False
""".splitlines()

PBS_NODES = """\
node01
     state = free
     resources_available.mem = 8058016kb
     resources_available.ncpus = 64
     resources_available.ngpus = 4
node02
     state = job-busy
     resources_available.ncpus = 32
node03
     state = down,offline
     resources_available.ncpus = 8
""".splitlines()

TORQUE_NODES = ["n1", "     state = free", "     np = 24", "     gpus = 2", "n2",
                "     state = down", "     np = 8"]  # fmt: skip

LSF_QUEUES = """\
QUEUE_NAME      PRIO STATUS          MAX JL/U JL/P JL/H NJOBS  PEND   RUN  SUSP  RSV PJOBS
priority         43  Open:Active       -    -    -    -     0     0     0     0    0     0
normal           30  Open:Active       -    -    -    -     0     0     0     0    0     0
night             1  Open:Inact        -    -    -    -     0     0     0     0    0     0
""".splitlines()

LSF_DETAILS = ["QUEUE: normal", "  -- For normal jobs. This is the default queue.",
               "RUNLIMIT 1440.0 min of hostA", "QUEUE: night", "RUNLIMIT 60.0 min"]  # fmt: skip

LSF_HOSTS = """\
hosta              ok              -     16      0      0      0      0      0
hostb              closed_Full     -      8      8      8      0      0      0
hostc              unavail         -      4      0      0      0      0      0
""".splitlines()


def test_queues_of_pbs_have_their_limits_and_all_nodes() -> None:
    """A node that is away does not count; the smallest that is there says what a node has."""
    workq, night, old = read_pbs_queues(PBS_QUEUES, PBS_NODES, "workq")
    assert (workq.default, workq.state, workq.max_nodes) == (True, "up", 16)
    assert workq.max_time_minutes == 48 * 60
    assert (workq.nodes, workq.nodes_available, workq.cpus_per_node) == (3, 2, 32)
    assert (workq.mem_mb, workq.gres) == (7869, ("gpu:4",))
    assert night.max_time_minutes is None
    assert (night.state, old.state) == (
        "starts no jobs (not started)",
        "takes no jobs (not enabled)",
    )


def test_nodes_of_torque_are_read() -> None:
    """Processors are `np` there."""
    (batch,) = read_pbs_queues(["Queue: batch", "    enabled = True"], TORQUE_NODES, "batch")
    assert (batch.nodes, batch.nodes_available, batch.cpus_per_node) == (2, 1, 24)
    assert batch.gres == ("gpu:2",)


def test_pbs_and_torque_are_told_apart() -> None:
    """By what ``qstat --version`` says; Slurm's wrapper says nothing."""
    assert read_pbs_version("pbs_version = 2022.1.1.20220926110806")[0] == "pbs"
    assert read_pbs_version("pbs_version = 19.1.3") == ("pbs", "19.1.3")
    assert read_pbs_version("Version: 6.1.2") == ("torque", "6.1.2")
    assert read_pbs_version("Unknown option: version") == ("", "")


def test_queues_of_lsf_are_read() -> None:
    """Limit and default queue come from the long form; a full host is there, a lost one not."""
    priority, normal, night = read_lsf_queues(LSF_QUEUES, LSF_DETAILS, LSF_HOSTS)
    assert (priority.state, priority.default, priority.max_time_minutes) == ("up", False, None)
    assert (normal.default, normal.max_time_minutes) == (True, 1440)
    assert (night.state, night.max_time_minutes) == ("Open:Inact", 60)
    assert (normal.nodes, normal.nodes_available, normal.cpus_per_node) == (3, 2, 8)


@given(st.lists(st.text()), st.lists(st.text()), st.text())
def test_whatever_is_answered_is_read(queues: list[str], nodes: list[str], more: str) -> None:
    """No text raises."""
    read_pbs_queues(queues, nodes, more)
    read_lsf_queues(queues, [more], nodes)
    read_pbs_version(more)
