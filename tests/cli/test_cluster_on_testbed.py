"""``towline cluster`` on two real Slurm clusters: the doctor on good ways and on closed ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from towline.clusters import ClusterStore, load_facts
from towline.ssh import Connection
from towline.testbed import Testbed

from .command import Answer, Towline

SLURM_STEPS = [
    "definition",
    "ssh configuration",
    "connection",
    "quiet shell",
    "system",
    "folder and disk",
    "Python for link",
    "Python for apps",
    "scheduler",
    "partitions",
    "address for nodes",
    "link",
]


@pytest.fixture(autouse=True)
def closed_afterwards(home: Path) -> Iterator[None]:
    """Close every connection that the test opened."""
    yield
    store = ClusterStore()
    for name in store.names():
        Connection(store.load(name).destination()).close()


def add(towline: Towline, testbed: Testbed, name: str, *options: str) -> Answer:
    """Add a cluster of the testbed; `onprem` by default."""
    host = [] if "--host" in options else ["--host", "onprem"]
    config = ["--ssh-config", str(testbed.ssh_config)]
    return towline("cluster", "add", name, *config, *host, *options)


def leftovers(testbed: Testbed, cluster: str) -> list[str]:
    """Return the jobs, agents and files that checks have left on a cluster."""
    info = testbed.clusters[cluster]
    jobs = testbed.ssh(cluster, "squeue -h -o %j").stdout.split()
    agents = testbed.exec(info.controller, ["pgrep", "-u", info.user, "-af", "check-"], check=False)
    files = testbed.ssh(cluster, "find ~ -name '*check-*' -o -name '*towline-probe*'").stdout
    return [*jobs, *agents.stdout.splitlines(), *files.split()]


def test_adding_a_healthy_cluster_finds_every_step_well(towline: Towline, testbed: Testbed) -> None:
    answer = add(towline, testbed, "onprem", "--json")
    assert answer.exit_code == 0
    assert answer.steps() == dict.fromkeys(SLURM_STEPS, "ok")
    rows = towline("cluster", "list", "--json").data
    assert rows[0]["partitions"] == "compute gpu"
    assert leftovers(testbed, "onprem") == []


@pytest.mark.parametrize("alias", ["onprem", "cloud", "cloud-via-gate"])
def test_a_deep_check_runs_a_job_that_dials_this_workspace(
    towline: Towline, testbed: Testbed, alias: str
) -> None:
    add(towline, testbed, "site", "--host", alias, "--no-check")
    answer = towline("cluster", "check", "site", "--deep", "--partition", "gpu", "--json")
    assert answer.exit_code == 0
    assert answer.steps() == dict.fromkeys([*SLURM_STEPS, "test job"], "ok")
    cluster = alias.partition("-")[0]
    assert f"node {cluster}-n2 sees /home" in answer.step("test job")["detail"]
    assert leftovers(testbed, cluster) == []
    assert "towline-check" not in [thread.name for thread in threading.enumerate()]


def test_the_doctor_speaks_in_words_too(towline: Towline, testbed: Testbed) -> None:
    add(towline, testbed, "onprem", "--no-check")
    answer = towline("cluster", "check", "onprem")
    assert "172.20.0.1: the way to node onprem-n1 (172.20.0.11) leaves from it" in answer.out
    assert "onprem: ready; try a job: towline cluster check onprem --deep" in answer.out


def test_facts_of_both_clusters_name_the_address_that_nodes_reach(
    towline: Towline, testbed: Testbed
) -> None:
    for name in ("onprem", "cloud"):
        add(towline, testbed, name, "--host", name, "--no-check")
        definition = ClusterStore().load(name)
        facts = load_facts(definition, Connection(definition.destination()))
        info = testbed.clusters[name]
        assert facts.node_address == info.inside_address
        assert facts.home == info.home
        assert [part.name for part in facts.partitions] == list(info.partitions)


# --- the way is closed ----------------------------------------------------------------------


def test_a_wrong_user_is_told_from_a_wrong_host(towline: Towline, testbed: Testbed) -> None:
    answer = add(towline, testbed, "wrong", "--user", "nobody", "--json")
    assert answer.exit_code == 3
    assert answer.step("connection")["error"] == "LoginRefused"
    assert "user nobody" in answer.step("connection")["detail"]
    assert set(list(answer.steps().values())[3:]) == {"skipped"}


def test_an_unknown_host_key_is_shown_with_the_command_that_accepts_it(
    towline: Towline, testbed: Testbed, tmp_path: Path
) -> None:
    known = (testbed.ssh_config.parent / "known_hosts").name
    config = tmp_path / "config"
    text = testbed.ssh_config.read_text()
    lines = [line for line in text.splitlines() if "UserKnownHostsFile" not in line]
    config.write_text("\n".join([*lines, "Host *", f"  UserKnownHostsFile {tmp_path / known}"]))
    answer = towline(
        "cluster", "add", "new", "--host", "onprem", "--ssh-config", str(config), "--json"
    )
    assert answer.exit_code == 3
    step = answer.step("connection")
    assert step["error"] == "HostKeyUnknown"
    assert "SHA256:" in step["detail"]
    assert "towline cluster login new" in step["next"]


def test_a_host_that_asks_for_a_code_names_the_log_in_command(
    towline: Towline, testbed: Testbed
) -> None:
    answer = add(towline, testbed, "coded", "--user", "otp", "--json")
    assert answer.exit_code == 3
    assert answer.step("connection")["error"] == "LoginNeeded"
    assert answer.step("connection")["next"] == "towline cluster login coded"


def test_a_cut_network_is_out_of_reach_and_heals(
    towline: Towline, healthy_testbed: Testbed
) -> None:
    add(towline, healthy_testbed, "onprem", "--no-check")
    with healthy_testbed.cut("onprem"):
        answer = towline("cluster", "check", "onprem", "--json")
    assert answer.exit_code == 3
    assert answer.step("connection")["error"] == "HostUnreachable"
    assert towline("cluster", "check", "onprem").exit_code == 0


# --- the site is not well -------------------------------------------------------------------


def test_start_up_files_that_print_are_worth_a_look_and_disturb_nothing(
    towline: Towline, testbed: Testbed
) -> None:
    answer = add(towline, testbed, "noisy", "--user", "noisy", "--json")
    assert answer.exit_code == 0
    assert answer.step("quiet shell")["status"] == "warn"
    assert set(answer.steps().values()) == {"ok", "warn"}


def test_a_hung_squeue_is_worth_a_look_and_hangs_nothing(
    towline: Towline, healthy_testbed: Testbed
) -> None:
    add(towline, healthy_testbed, "onprem", "--no-check")
    with healthy_testbed.hang_command("onprem", "squeue"):
        answer = towline("cluster", "check", "onprem", "--json")
    assert answer.exit_code == 0
    assert answer.step("scheduler")["status"] == "warn"
    assert "squeue gave no answer in time" in answer.step("scheduler")["detail"]


def test_a_hung_sinfo_hides_partitions_and_keeps_those_that_were_known(
    towline: Towline, healthy_testbed: Testbed
) -> None:
    add(towline, healthy_testbed, "onprem")
    with healthy_testbed.hang_command("onprem", "sinfo"):
        answer = towline("cluster", "check", "onprem", "--json")
    assert answer.exit_code == 4
    assert "does not answer: sinfo gave no answer in time" in answer.step("scheduler")["detail"]
    assert answer.steps()["partitions"] == "skipped"
    facts = towline("cluster", "show", "onprem", "--json").data["facts"]
    assert [part["name"] for part in facts["partitions"]] == ["compute", "gpu"]
    assert facts["unknown"]["partitions"] == "sinfo gave no answer in time"


def test_a_full_disk_fails_before_anything_is_started_there(
    towline: Towline, healthy_testbed: Testbed
) -> None:
    add(towline, healthy_testbed, "onprem", "--no-check")
    with healthy_testbed.fill_disk("onprem"):
        answer = towline("cluster", "check", "onprem", "--json")
    assert answer.exit_code == 4
    assert answer.step("folder and disk")["error"] == "NoSpace"
    assert answer.steps()["link"] == "skipped"


def test_a_host_without_slurm_says_which_type_fits(towline: Towline, testbed: Testbed) -> None:
    commands = ("sbatch", "squeue", "scancel", "scontrol", "sinfo")
    hide = " && ".join(f"mount --bind /dev/null /usr/bin/{command}" for command in commands)
    show = "; ".join(f"umount /usr/bin/{command}" for command in commands)
    testbed.exec("gate", ["sh", "-c", hide])
    try:
        answer = add(towline, testbed, "gate", "--host", "gate", "--json")
    finally:
        testbed.exec("gate", ["sh", "-c", show])
    assert answer.exit_code == 4
    assert answer.step("scheduler")["error"] == "SchedulerMissing"
    assert "set 'type: ssh'" in answer.step("scheduler")["next"]
    again = add(towline, testbed, "gate", "--host", "gate", "--type", "ssh", "--replace", "--json")
    assert again.exit_code == 0
    assert "scheduler" not in again.steps()


def test_a_partition_that_is_not_there_is_refused_with_a_suggestion(
    towline: Towline, testbed: Testbed
) -> None:
    answer = add(towline, testbed, "onprem", "--partition", "gpus", "--json")
    assert answer.exit_code == 2
    assert "no partition gpus; did you mean 'gpu'?" in answer.step("partitions")["detail"]
    answer = towline("cluster", "check", "onprem", "--deep", "--partition", "x", "--json")
    assert answer.steps()["test job"] == "skipped"


def test_a_job_that_the_scheduler_refuses_is_told_in_its_words(
    towline: Towline, healthy_testbed: Testbed
) -> None:
    add(towline, healthy_testbed, "onprem", "--no-check")
    said = "sbatch: error: Batch job submission failed: Invalid account"
    with healthy_testbed.fail_command("onprem", "sbatch", said):
        answer = towline("cluster", "check", "onprem", "--deep", "--json")
    assert answer.exit_code == 4
    assert answer.step("test job")["error"] == "SubmitRefused"
    assert "Batch job submission failed: Invalid account" in answer.step("test job")["detail"]
    assert leftovers(healthy_testbed, "onprem") == []


def test_nodes_that_do_not_share_the_folder_are_found_out(
    towline: Towline, healthy_testbed: Testbed
) -> None:
    own = "/var/tmp/private"
    healthy_testbed.ssh("onprem", f"mkdir -p {own}")
    add(towline, healthy_testbed, "onprem", "--no-check", "--root", f"{own}/.towline")
    answer = towline("cluster", "check", "onprem", "--deep", "--json")
    healthy_testbed.ssh("onprem", f"rm -r {own}")
    assert answer.exit_code == 4
    assert f"wrote nothing to {own}/.towline" in answer.step("test job")["detail"]
    assert "a folder that controller and nodes share" in answer.step("test job")["next"]


def test_a_firewall_between_nodes_and_controller_is_found_out(
    towline: Towline, healthy_testbed: Testbed
) -> None:
    add(towline, healthy_testbed, "onprem", "--no-check")
    rule = "ip saddr 172.20.0.0/24 tcp dport 20000-65535 ct state new reject"
    chain = "{ type filter hook input priority 0; }"
    controller = healthy_testbed.clusters["onprem"].controller
    for words in (
        "add table ip wall",
        f"add chain ip wall in {chain}",
        f"add rule ip wall in {rule}",
    ):
        healthy_testbed.exec(controller, ["nft", words])
    try:
        answer = towline("cluster", "check", "onprem", "--deep", "--json")
    finally:
        healthy_testbed.exec(controller, ["nft", "delete table ip wall"])
    assert answer.exit_code == 4
    assert "node onprem-n1 does not reach 172.20.0.1:" in answer.step("test job")["detail"]
    assert "ask the site about a firewall" in answer.step("test job")["next"]


# --- the connection -------------------------------------------------------------------------


def test_removing_a_cluster_closes_its_connection(towline: Towline, testbed: Testbed) -> None:
    add(towline, testbed, "onprem")
    connection = Connection(ClusterStore().load("onprem").destination())
    assert connection.is_open()
    answer = towline("cluster", "remove", "onprem", "--json")
    assert answer.data["connection_closed"] is True
    assert not connection.is_open()


def test_login_says_when_the_connection_is_open_already(towline: Towline, testbed: Testbed) -> None:
    add(towline, testbed, "onprem")
    answer = towline("cluster", "login", "onprem")
    assert answer.exit_code == 0
    assert "open already" in answer.out
