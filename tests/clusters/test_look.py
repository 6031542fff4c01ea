"""A look at a cluster in use: what each scheduler's answer shows, from recorded answers."""

from __future__ import annotations

import subprocess

import pytest

from towline.clusters import ClusterDefinition, LocalShell, define
from towline.clusters.look import look, look_script, read_look, read_quotas
from towline.clusters.observation import run_of
from towline.errors import ReachError

END = "@@connection=10.0.0.9 50000 10.0.0.1 22\n@@end=ok\n"
DISK = "@@root=/home/a/.towline\n@@disk=1000 4000\n"


def marked(name: str, text: str) -> str:
    return "".join(f"@@{name}={line}\n" for line in text.splitlines())


def cluster(kind: str, **facts: object) -> ClusterDefinition:
    return define("onprem", type=kind, host="login", **facts)


SLURM = (
    "@@!sinfo=0\n"
    + marked(
        "sinfo",
        "gpu*|up|1-00:00:00|1-4|2|1/1/0/2|8|1000|gpu:a100:2|mixed\n"
        "gpu*|up|1-00:00:00|1-4|1|0/0/1/1|8|1000|gpu:a100:2|down*\n"
        "gpu*|up|1-00:00:00|1-4|3|0/3/0/3|8|1000|gpu:a100:2|idle~\n"
        "debug|up|30:00|1|2|1/1/0/2|8|1000|(null)|mixed",
    )
    + "@@!nodes=0\n"
    + marked("nodes", "2|mixed\n1|down*\n3|idle~\n1|allocated#")
    + "@@!squeue=0\n"
    + marked(
        "squeue",
        "a|7_[1-3]|gpu|PENDING|2|Resources|my|job\n"
        "a|8|gpu|RUNNING|2|None|tl.r12-9f3a1c07.label.0\n"
        "+|PENDING|40\n+|RUNNING|7\n+|COMPLETING|1\n+|FAILED|1",
    )
)


def test_slurm_shows_nodes_by_state_the_queue_and_our_jobs() -> None:
    """Nodes that are powered down or silent do not answer; one that comes up is wanted."""
    price = {"amount": 3, "currency": "USD"}
    seen = read_look(SLURM + DISK + END, cluster("slurm", cost_per_node_hour=price))
    assert seen.nodes_by_state == {"mixed": 2, "down*": 1, "idle~": 3, "allocated#": 1}
    assert (seen.registered_workers, seen.requested_workers) == (2, 3)
    assert seen.partitions is not None and seen.jobs is not None and seen.queue is not None
    gpu, debug = seen.partitions
    assert (gpu.nodes, gpu.nodes_by_state) == (6, {"mixed": 2, "down*": 1, "idle~": 3})
    assert (gpu.max_time_minutes, debug.max_time_minutes) == (1440, 30)
    waiting, running = seen.jobs
    assert (waiting.id, waiting.name, waiting.run, waiting.reason) == (
        *("7_[1-3]", "my|job", None),
        "Resources",
    )
    assert (running.run, running.reason) == ("r12-9f3a1c07", "")
    assert (seen.queue.running, seen.queue.waiting, seen.queue.other) == (8, 40, 1)
    assert seen.cost is not None
    assert (seen.cost.amount_per_hour, seen.cost.nodes) == (6, 2)
    assert seen.controller == "10.0.0.1"
    assert seen.disk is not None and seen.disk.free_mb == 1000


def test_a_scheduler_that_does_not_answer_leaves_null_and_says_why() -> None:
    """Null is not none: no partition, no job, no cost is claimed."""
    price = {"amount": 3, "currency": "USD"}
    text = "@@!sinfo=124\n" + END
    seen = read_look(text, cluster("slurm", cost_per_node_hour=price))
    assert (seen.partitions, seen.jobs, seen.queue, seen.cost) == (None, None, None, None)
    assert seen.unknown["partitions"] == "no answer in time"
    assert seen.unknown["disk"] == "df did not say"


def test_without_a_price_the_cost_is_unknown_not_nothing() -> None:
    assert read_look(SLURM + END, cluster("slurm")).cost is None


def test_a_broken_answer_is_no_observation() -> None:
    with pytest.raises(ReachError, match="broke off"):
        read_look(SLURM, cluster("slurm"))


def test_pbs_and_torque_show_queues_nodes_and_jobs() -> None:
    text = (
        "@@!queues=0\n"
        + marked("queues", "Queue: workq\n    enabled = True\n    started = True")
        + "@@default_queue=workq\n@@!nodes=0\n"
        + marked("nodes", "n1\n     state = free\n     np = 8\nn2\n     state = down,offline")
        + "@@!jobs=0\n"
        + marked(
            "jobs",
            "\nserver:\n                                              Req'd  Req'd   Elap\n"
            "Job ID   Username Queue  Jobname    SessID NDS TSK Memory Time  S Time\n"
            "12.serv  a        workq  tl.r1-00ff.x.0  555   2  16    --  01:00 R 00:10\n"
            "13.serv  a        workq  mine        --    1   1    --  01:00 Q   --",
        )
        + END
    )
    price = {"amount": 1.5, "currency": "EUR"}
    for kind in ("pbs", "torque"):
        seen = read_look(text, cluster(kind, cost_per_node_hour=price))
        assert seen.nodes_by_state == {"free": 1, "down,offline": 1}
        assert seen.registered_workers == 1
        assert seen.jobs is not None and seen.cost is not None
        assert [(job.id, job.state, job.run) for job in seen.jobs] == [
            ("12.serv", "R", "r1-00ff"),
            ("13.serv", "Q", None),
        ]
        assert seen.cost.amount_per_hour == 3.0
        assert "queue" in seen.unknown


def test_lsf_shows_queues_hosts_and_jobs() -> None:
    text = (
        "@@!queues=0\n"
        + marked("queues", "QUEUE_NAME PRIO STATUS\nnormal 30 Open:Active - - - - 0 0 0 0 0 0")
        + marked("details", "QUEUE: normal\nRUNLIMIT 1440.0 min of hosta")
        + "@@!nodes=0\n"
        + marked(
            "nodes",
            "HOST_NAME STATUS JL/U MAX\nhosta ok - 16 0 0 0 0 0\nhostb unavail - 4 0 0 0 0 0",
        )
        + "@@!jobs=0\n"
        + marked("jobs", "101|RUN|normal|1|tl.r3-abcd.x.1\n102|PEND|normal|-|mine")
        + END
    )
    seen = read_look(text, cluster("lsf"))
    assert seen.partitions is not None and seen.partitions[0].max_time_minutes == 1440
    assert (seen.nodes_by_state, seen.registered_workers) == ({"ok": 1, "unavail": 1}, 1)
    assert seen.jobs is not None
    assert [(job.id, job.run) for job in seen.jobs] == [("101", "r3-abcd"), ("102", None)]


def test_quotas_are_read_where_the_site_shows_them() -> None:
    """A file system without a limit has none; a used one over its soft limit has a star."""
    lines = [
        "Disk quotas for user alice (uid 1000):",
        "     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace",
        "  nfs:/home 1048576* 1000000 2097152       0   12345       0       0       0",
        "  nfs:/scratch 1048576 0 0       0   12345       0       0       0",
    ]
    quotas = read_quotas(lines)
    assert quotas is not None
    assert [(q.file_system, q.used_mb, q.limit_mb) for q in quotas] == [("nfs:/home", 1024, 976)]
    assert read_quotas([]) is None


def test_this_machine_is_one_worker() -> None:
    seen = look(LocalShell("here"), define("here", type="local"))
    assert (seen.registered_workers, seen.controller) == (1, "127.0.0.1")
    assert seen.disk is not None and seen.unknown == {}


def test_the_script_is_plain_posix_sh() -> None:
    script = look_script(cluster("slurm", root="/it's/there"), None)
    for shell in ("dash", "bash"):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(
    ("name", "run"),
    [
        ("tl.r12-9f3a1c07.label.0", "r12-9f3a1c07"),
        ("tl.", None),
        ("mine", None),
        ("xtl.r1.a", None),
    ],
)
def test_a_jobs_name_says_which_run_it_is_of(name: str, run: str | None) -> None:
    assert run_of(name) == run
