"""Every fault of the network, of power and of the disk does what it says, and is healed."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Callable

import pytest

from towline.errors import TestbedError
from towline.testbed import Testbed

LIMIT = 30.0  # seconds that anything may take


def ssh_process(testbed: Testbed, door: str, command: str) -> subprocess.Popen[str]:
    """Start an ssh and return it once the far side has said its first line.

    Its standard input stays open until the caller closes it: ``read`` waits there.
    """
    process = subprocess.Popen(
        ["ssh", "-F", str(testbed.ssh_config), "-o", "BatchMode=yes", door, f"echo on; {command}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "on\n"
    return process


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; name it when it does not come."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, f"not within {LIMIT:.0f} s: {what}"
        time.sleep(0.05)


def test_cut_breaks_running_connections_and_refuses_new_ones(healthy_testbed: Testbed) -> None:
    """A cut ends what runs, refuses what comes, and leaves the other cluster alone."""
    running = ssh_process(healthy_testbed, "onprem", "exec sleep 60")
    other = ssh_process(healthy_testbed, "cloud", "read line; echo $line")
    with healthy_testbed.cut("onprem"):
        assert running.wait(LIMIT) == 255
        tried = healthy_testbed.ssh("onprem", "true", check=False)
        assert tried.returncode == 255
        assert "ssh: connect to host 10.77.10.2 port 22: Connection refused" in tried.stderr
        through_gate = healthy_testbed.ssh("onprem-via-gate", "true", check=False)
        assert "Connection refused" in through_gate.stderr
        assert healthy_testbed.status()["clusters"]["onprem"]["cut"]
    assert other.communicate("as before\n", timeout=LIMIT)[0] == "as before\n"
    healthy_testbed.ssh("onprem", "true")
    healthy_testbed.exec("onprem-ctl", ["pkill", "-f", "sleep 60"], check=False)


def test_freeze_stalls_a_connection_which_goes_on_after_thaw(healthy_testbed: Testbed) -> None:
    """Frozen, nothing arrives and nothing is reset; thawed, not one line is missing."""
    running = ssh_process(
        healthy_testbed, "cloud", "for i in $(seq 40); do echo $i; sleep .05; done"
    )
    with healthy_testbed.freeze("cloud"):
        argv = ["ssh", "-F", str(healthy_testbed.ssh_config), "-o", "ConnectTimeout=1"]
        tried = subprocess.run([*argv, "cloud", "true"], capture_output=True, text=True)
        assert "Connection timed out during banner exchange" in tried.stderr
        assert running.poll() is None
    lines, _ = running.communicate(timeout=LIMIT)
    assert lines.split() == [str(i) for i in range(1, 41)]
    assert running.returncode == 0


def test_round_trip_time_is_added_and_taken_away(healthy_testbed: Testbed) -> None:
    """What is delayed takes at least the added time for a question and its answer."""
    assert healthy_testbed.set_round_trip("onprem", 200) in ("netem", "relay")
    began = time.monotonic()
    healthy_testbed.ssh("onprem", "true")
    assert time.monotonic() - began > 0.4  # key exchange and command: several round trips
    assert healthy_testbed.status()["clusters"]["onprem"]["round_trip_ms"] == 200
    healthy_testbed.set_round_trip("onprem", 0)
    assert healthy_testbed.status()["clusters"]["onprem"]["round_trip_ms"] == 0


def test_delayed_bytes_arrive_whole_and_in_order(healthy_testbed: Testbed) -> None:
    """A delay changes no byte, also when it shrinks while bytes are under way."""
    healthy_testbed.set_round_trip("cloud", 100)
    data = hashlib.sha256(b"seed").hexdigest() * (16 * 1024)  # 1 MiB
    process = subprocess.Popen(
        ["ssh", "-F", str(healthy_testbed.ssh_config), "cloud", "sha256sum"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    process.stdin.write(data[: 1 << 19])
    process.stdin.flush()
    healthy_testbed.set_round_trip("cloud", 10)
    answer, _ = process.communicate(data[1 << 19 :], timeout=LIMIT)
    assert answer.split()[0] == hashlib.sha256(data.encode()).hexdigest()


def test_connections_are_counted(testbed: Testbed) -> None:
    """The relay tells how many connections are open and how many there ever were."""
    before = testbed.connections("cloud")
    running = ssh_process(testbed, "cloud", "read line")
    counted = testbed.connections("cloud")
    assert counted["accepted"] == before["accepted"] + 1
    assert counted["open"] >= 1
    running.communicate(timeout=LIMIT)
    until(lambda: testbed.connections("cloud")["open"] < counted["open"], "it is open no more")


def test_unplugged_controller_is_unreachable_until_plugged_in(healthy_testbed: Testbed) -> None:
    """Without power there is no route; with power again, Slurm and files are there."""
    healthy_testbed.ssh("cloud", "echo kept > kept")
    with healthy_testbed.unplug("cloud-ctl"):
        tried = healthy_testbed.ssh("cloud", "true", check=False)
        assert "Network is unreachable" in tried.stderr
        assert not healthy_testbed.status()["hosts"]["cloud-ctl"]
        with pytest.raises(TestbedError, match="has no power"):
            healthy_testbed.exec("cloud-ctl", ["true"])
    assert healthy_testbed.ssh("cloud", "cat kept; rm kept").stdout == "kept\n"


def test_job_outlives_its_controllers_power_cycle(healthy_testbed: Testbed) -> None:
    """A job that Slurm has saved runs on while the controller is away, and is known after."""
    submit = "sbatch --parsable -o /dev/null --wrap 'sleep 120'"
    job = healthy_testbed.ssh("onprem", submit).stdout.strip()
    state = f"squeue -h -j {job} -o %T"
    until(lambda: "RUNNING" in healthy_testbed.ssh("onprem", state).stdout, "the job runs")
    healthy_testbed.exec("onprem-ctl", ["touch", "/root/the-job-ran"])
    healthy_testbed.exec("onprem-ctl", ["scontrol", "update", f"JobId={job}", "Comment=again"])
    saved = ["find", "/var/lib/slurm/ctld/job_state", "-newer", "/root/the-job-ran"]
    until(lambda: bool(healthy_testbed.exec("onprem-ctl", saved).stdout), "slurmctld has saved")
    healthy_testbed.power_cycle("onprem-ctl")
    until(
        lambda: "RUNNING" in healthy_testbed.ssh("onprem", state, check=False).stdout,
        "the job is known again",
    )


@pytest.mark.slow
def test_node_loss_is_noticed_and_its_job_queued_again(healthy_testbed: Testbed) -> None:
    """Slurm itself finds out that a node is gone and starts the job elsewhere (35 seconds)."""
    submit = "sbatch --parsable --requeue -o /dev/null -w {} --wrap 'sleep 300'"
    job = healthy_testbed.ssh("onprem", submit.format("onprem-n1")).stdout.strip()
    state = f"squeue -h -j {job} -o '%T %N'"
    until(lambda: "RUNNING" in healthy_testbed.ssh("onprem", state).stdout, "the job runs")
    healthy_testbed.unplug("onprem-n1")
    deadline = time.monotonic() + 120
    while "onprem-n1" in healthy_testbed.ssh("onprem", state).stdout:
        assert time.monotonic() < deadline, "the job was not taken from the lost node"
        time.sleep(1)


def test_full_disk_refuses_bytes_until_freed(healthy_testbed: Testbed) -> None:
    """A full home gives ENOSPC on controller and nodes; freed, it takes bytes again."""
    write = "head -c 100000 /dev/zero > big && rm big"
    with healthy_testbed.fill_disk("cloud"):
        for command in (write, f"srun sh -c {write!r}"):
            tried = healthy_testbed.ssh("cloud", command, check=False)
            assert tried.returncode != 0
            assert "No space left on device" in tried.stderr
    healthy_testbed.ssh("cloud", f"rm -f big; {write}")


def test_disk_can_fill_up_in_the_middle_of_a_file(healthy_testbed: Testbed) -> None:
    """``leave_bytes`` lets a copy begin, and fail."""
    with healthy_testbed.fill_disk("onprem", leave_bytes=1 << 20):
        copy = "head -c 3000000 /dev/zero > big"
        assert healthy_testbed.ssh("onprem", copy, check=False).returncode != 0
        assert int(healthy_testbed.ssh("onprem", "stat -c %s big; rm big").stdout) > 1 << 19


def test_heal_undoes_every_fault_at_once(healthy_testbed: Testbed) -> None:
    """After ``heal`` all hosts have power, no fault is left, no job is queued, nodes are idle."""
    healthy_testbed.ssh("onprem", "sbatch -N2 -o /dev/null --wrap 'sleep 300'")
    healthy_testbed.cut("cloud")
    healthy_testbed.freeze("cloud")
    healthy_testbed.set_round_trip("cloud", 50)
    healthy_testbed.fill_disk("onprem")
    healthy_testbed.hang_command("cloud", "squeue")
    healthy_testbed.unplug("cloud-n2")
    healthy_testbed.unplug("gate")
    healthy_testbed.heal()
    status = healthy_testbed.status()
    assert all(status["hosts"].values())
    for cluster in status["clusters"].values():
        faults = ("cut", "frozen", "round_trip_ms", "disk_full", "command_faults")
        assert not any(cluster[fault] for fault in faults)
    assert healthy_testbed.ssh("onprem", "squeue -h").stdout == ""
    assert set(healthy_testbed.ssh("onprem", "sinfo -h -o %T").stdout.split()) == {"idle"}


def test_faults_of_unknown_things_are_refused_by_name(testbed: Testbed) -> None:
    """A wrong cluster or host is an error that lists the right ones."""
    with pytest.raises(TestbedError, match="no cluster onperm; there are onprem, cloud"):
        testbed.cut("onperm")
    with pytest.raises(TestbedError, match="no host ctl; there are onprem-ctl"):
        testbed.unplug("ctl")
