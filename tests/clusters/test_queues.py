"""Grid Engine's queues and HTCondor's machines, as partitions."""

from __future__ import annotations

from towline.clusters._queues import read_pool, read_queues

QSTAT = """\
queuename                      qtype resv/used/tot. load_avg arch          states
---------------------------------------------------------------------------------
compute@sge-n1                 BIP   0/0/4          3.49     lx-amd64
---------------------------------------------------------------------------------
compute@sge-n2                 BIP   0/1/8          3.49     lx-amd64      a
      1 0.50000 tl.r1-aa.x grace        r     11/22/2026 18:07:08     1
---------------------------------------------------------------------------------
long@sge-n3                    BIP   0/0/16         -NA-     lx-amd64      au
""".splitlines()


def test_a_queue_is_a_partition_with_its_limit() -> None:
    """Nodes, slots of the smallest, limit, and why a queue starts no job."""
    compute, long = read_queues(
        QSTAT, ["qname compute", "h_rt 01:30:00,[sge-n2=02:00:00]", "qname long", "h_rt INFINITY"]
    )
    assert (compute.name, compute.nodes, compute.nodes_available) == ("compute", 2, 2)
    assert (compute.cpus_per_node, compute.max_time_minutes, compute.state) == (4, 90, "up")
    assert (long.max_time_minutes, long.nodes_available, long.state) == (None, 0, "state au")
    assert not compute.default  # with two queues, a job that names none goes to either


def test_a_single_queue_is_the_default() -> None:
    """Then it is known where a job that names none will go."""
    (only,) = read_queues(QSTAT[:3], ["qname compute", "h_rt 7200"])
    assert only.default
    assert only.max_time_minutes == 120


def test_a_pool_is_one_partition() -> None:
    """Slots of one machine count once; GPUs are shown; an owner's machine is not available."""
    (pool,) = read_pool(
        [
            "n1\t4\t2000\t0\tUnclaimed\t<172.20.0.11:9618?x>",
            "n1\t4\t2000\t0\tClaimed\t<172.20.0.11:9618?x>",
            "n2\t64\t512000\t2\tOwner\t<172.20.0.12:9618?x>",
        ]
    )
    assert (pool.name, pool.default, pool.nodes, pool.nodes_available) == ("pool", True, 2, 1)
    assert (pool.cpus_per_node, pool.mem_mb, pool.gres) == (4, 2000, ("gpu:2",))
    assert read_pool([]) == ()
