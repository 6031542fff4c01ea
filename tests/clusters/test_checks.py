"""The doctor's judgement of facts, step by step."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from towline.clusters import ClusterFacts, LocalShell, Partition, Status, define
from towline.clusters._check_node import job_script, last_words
from towline.clusters._check_scheduler import (
    look_at_node_address,
    look_at_partitions,
    look_at_scheduler,
)
from towline.clusters._check_system import (
    look_at_agent_python,
    look_at_home,
    look_at_worker_python,
)
from towline.clusters._node_answer import judge, read_node_answer
from towline.clusters._visit import Visit
from towline.clusters.probe import read_answer
from towline.errors import (
    DefinitionError,
    InterpreterMissing,
    NoSpace,
    SchedulerMissing,
    SiteError,
)

RECORDED = Path(__file__).parent / "recorded"
MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
GOOD = ClusterFacts(
    root="/home/jdoe/.towline",
    fs_type="nfs",
    free_mb=50_000,
    free_inodes=1_000_000,
    user="jdoe",
    addresses=("10.0.0.1",),
    node_address="10.0.0.1",
)


def visit(facts: ClusterFacts = GOOD, **definition: object) -> Visit:
    return Visit(
        define("onprem", **{"host": "login", **definition}), LocalShell("onprem"), facts=facts
    )


def with_facts(**changed: object) -> Visit:
    return visit(GOOD.model_copy(update=changed))


def recorded(name: str, **definition: object) -> Visit:
    there = visit(**definition)
    there.facts = read_answer((RECORDED / f"{name}.txt").read_text(), there.definition)
    return there


# --- folder and disk ------------------------------------------------------------------------


def test_a_folder_with_room_is_fine() -> None:
    finding = look_at_home(visit())
    assert finding.status is Status.OK
    assert finding.detail == "/home/jdoe/.towline, 48.8 GiB free (nfs)"


@pytest.mark.parametrize("changed", [{"free_mb": 99}, {"free_inodes": 0}])
def test_a_full_disk_fails_as_no_space(changed: dict[str, object]) -> None:
    with pytest.raises(NoSpace, match="no room left"):
        look_at_home(with_facts(**changed))


def test_a_folder_that_takes_no_file_fails() -> None:
    with pytest.raises(SiteError, match="nothing can be written"):
        look_at_home(with_facts(writable=False))


def test_a_folder_that_starts_no_program_fails_with_what_to_set() -> None:
    with pytest.raises(SiteError, match="programs cannot be started") as caught:
        look_at_home(with_facts(noexec=True))
    assert "set 'root' in the definition" in caught.value.next_step


@pytest.mark.parametrize("changed", [{"free_mb": 999}, {"free_inodes": 9_999}])
def test_little_room_is_worth_a_look(changed: dict[str, object]) -> None:
    assert look_at_home(with_facts(**changed)).status is Status.WARN


def test_a_file_system_without_inodes_or_figures_is_fine() -> None:
    assert look_at_home(with_facts(free_inodes=-1, free_mb=-1)).status is Status.OK


# --- Python ---------------------------------------------------------------------------------


def test_the_agents_python_is_the_first_that_is_new_enough() -> None:
    there = with_facts(pythons={"2.7.5": "/usr/bin/python", "3.6.8": "/usr/bin/python3"})
    assert look_at_agent_python(there).detail == "/usr/bin/python3 (3.6.8)"


def test_no_python_for_the_agent_fails_with_what_was_found() -> None:
    with pytest.raises(InterpreterMissing, match=r"found: 2\.7\.5"):
        look_at_agent_python(with_facts(pythons={"2.7.5": "/usr/bin/python"}))
    with pytest.raises(InterpreterMissing, match="found: none"):
        look_at_agent_python(with_facts(pythons={}))


def test_a_stated_python_is_used() -> None:
    finding = look_at_agent_python(visit(python="/opt/py/bin/python3"))
    assert finding.detail == "/opt/py/bin/python3, as the definition says"


def test_a_python_of_this_minor_serves_the_apps_and_another_does_not() -> None:
    same = look_at_worker_python(with_facts(pythons={f"{MINOR}.99": "/p"}))
    assert (same.status, same.detail) == (Status.OK, f"/p is a {MINOR}, as here")
    other = look_at_worker_python(with_facts(pythons={"3.6.8": "/p"}))
    assert other.status is Status.WARN
    assert f"no Python {MINOR}" in other.detail


# --- scheduler ------------------------------------------------------------------------------


def test_a_real_slurm_is_fine() -> None:
    finding = look_at_scheduler(recorded("slurm-22.05"))
    assert finding.detail == "Slurm 22.05.8, no accounting, 0 of your jobs in the queue"


def test_a_host_without_sbatch_fails_with_the_command_for_such_hosts() -> None:
    with pytest.raises(SchedulerMissing, match="no sbatch, squeue, scancel") as caught:
        look_at_scheduler(recorded("no-scheduler"))
    assert "set 'type: ssh' in its file ('towline cluster show onprem'" in caught.value.next_step


def test_another_scheduler_is_named() -> None:
    with pytest.raises(SchedulerMissing, match="found pbs instead"):
        look_at_scheduler(with_facts(scheduler="pbs"))


def test_a_slurm_that_does_not_answer_fails_and_nothing_is_said_of_its_partitions() -> None:
    with pytest.raises(SiteError, match="does not answer: sinfo gave no answer in time"):
        look_at_scheduler(recorded("slurm-22.05-slurmctld-down"))


def test_a_slurm_without_configuration_hints_at_a_host_that_belongs_to_none() -> None:
    with pytest.raises(SiteError, match="Could not establish a configuration") as caught:
        look_at_scheduler(recorded("slurm-without-configuration"))
    assert "set 'type: ssh'" in caught.value.next_step


def test_a_hung_squeue_is_worth_a_look() -> None:
    finding = look_at_scheduler(recorded("slurm-22.05-squeue-hangs"))
    assert finding.status is Status.WARN
    assert "squeue gave no answer in time" in finding.detail


# --- partitions -----------------------------------------------------------------------------


def test_partitions_are_described_with_what_a_user_needs() -> None:
    finding = look_at_partitions(recorded("slurm-22.05"))
    assert finding.detail == (
        "compute (default): 2/2 nodes x 4 CPUs, gpu:fake:2, up to 1 h; "
        "gpu: 1/1 nodes x 4 CPUs, gpu:fake:2, up to 1 h"
    )


def test_no_partition_at_all_fails() -> None:
    with pytest.raises(SiteError, match="shows user jdoe no partition"):
        look_at_partitions(visit())


def test_a_wanted_partition_that_is_not_there_fails_with_a_suggestion() -> None:
    with pytest.raises(DefinitionError, match=r"no partition gpus; did you mean 'gpu'\?"):
        look_at_partitions(recorded("slurm-22.05", partitions=["gpus"]))


def test_only_wanted_partitions_are_judged() -> None:
    parts = (Partition(name="off", state="drain"), Partition(name="on", nodes=1, nodes_available=1))
    there = visit(GOOD.model_copy(update={"partitions": parts}), partitions=["on"])
    assert look_at_partitions(there).status is Status.OK
    finding = look_at_partitions(with_facts(partitions=parts))
    assert finding.status is Status.WARN
    assert "jobs would wait in off:" in finding.next_step


# --- address --------------------------------------------------------------------------------


def test_an_address_with_evidence_is_fine_and_a_guess_is_worth_a_look() -> None:
    assert look_at_node_address(visit()).status is Status.OK
    guess = look_at_node_address(with_facts(node_address_guessed=True))
    assert guess.status is Status.WARN
    assert "a guess" in guess.detail


def test_no_address_fails() -> None:
    with pytest.raises(SiteError, match="no address was found"):
        look_at_node_address(with_facts(node_address=""))


@pytest.mark.parametrize(
    ("address", "status"),
    [("10.0.0.1", Status.OK), ("10.0.0.2", Status.WARN)],
)
def test_a_stated_address_that_the_controller_does_not_have_is_worth_a_look(
    address: str, status: Status
) -> None:
    there = visit(GOOD.model_copy(update={"node_address": address}), address=address)
    assert look_at_node_address(there).status is status


# --- the test job ---------------------------------------------------------------------------


def judged(answer: str) -> tuple[Status, str]:
    there = visit()
    there.token, there.agent_port = "abc", 4711
    finding = judge(read_node_answer(answer), there, "gpu")
    return finding.status, finding.detail


def test_a_node_that_sees_the_folder_and_reaches_the_port_is_fine() -> None:
    status, detail = judged("motd\n@@node=n1\n@@folder=yes\n@@python=python3\n@@answer=abc\n")
    assert status is Status.OK
    assert "node n1 sees /home/jdoe/.towline and reaches 10.0.0.1:4711" in detail


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("@@state=JobState=FAILED Reason=RaisedSignal\n", "wrote nothing to /home/jdoe/.towline"),
        ("@@node=n1\n@@folder=no\n@@answer=abc\n", "does not see /home/jdoe/.towline"),
        (
            "@@node=n1\n@@folder=yes\n@@trouble=TimeoutError: timed out\n",
            "does not reach 10.0.0.1:4711: TimeoutError: timed out",
        ),
        ("@@node=n1\n@@folder=yes\n@@answer=SSH-2.0\n", "another program answered"),
    ],
)
def test_a_node_that_runs_could_not_use_fails(answer: str, words: str) -> None:
    with pytest.raises(SiteError) as caught:
        judged(answer)
    assert words in caught.value.cause


def test_a_node_that_cannot_dial_is_worth_a_look() -> None:
    assert judged("@@node=n1\n@@folder=yes\n@@undialled=yes\n")[0] is Status.WARN


def test_a_partition_that_gives_no_node_in_time_is_worth_a_look() -> None:
    status, detail = judged("@@state=JobState=PENDING Reason=Resources\n")
    assert status is Status.WARN
    assert "partition gpu gave no node in time (JobState=PENDING Reason=Resources)" in detail


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (
            "sbatch: error: invalid partition specified: nope\n"
            "sbatch: error: Batch job submission failed: Invalid partition name specified\n",
            "Batch job submission failed: Invalid partition name specified",
        ),
        ("mkdir: cannot create directory\n", "mkdir: cannot create directory"),
        ("", "it said nothing"),
    ],
)
def test_a_refusal_is_told_in_the_schedulers_own_words(said: str, wanted: str) -> None:
    assert last_words(said) == wanted


def test_what_goes_into_the_test_jobs_script_is_quoted() -> None:
    there = with_facts(root="/scratch/o'neil $(id)")
    there.tag, there.token, there.account = "check-1", "abc", "phys; id"
    script = job_script(there, "gpu")
    assert "partition=gpu\naccount='phys; id'\n" in script
    assert """mark='/scratch/o'"'"'neil $(id)/.check-1'""" in script
