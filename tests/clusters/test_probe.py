"""What a controller's answer to the probe means."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from towline.clusters import ClusterFacts, LocalShell, define, probe
from towline.clusters.probe import probe_script, read_answer
from towline.errors import ReachError

RECORDED = Path(__file__).parent / "recorded"
ONPREM = define("onprem", host="onprem")


def facts_of(recording: str) -> ClusterFacts:
    return read_answer((RECORDED / f"{recording}.txt").read_text(), ONPREM)


def test_a_healthy_slurm_controller_is_read_in_full() -> None:
    facts = facts_of("slurm-22.05")
    assert (facts.system, facts.arch, facts.glibc) == ("Linux", "x86_64", "2.36")
    assert (facts.hostname, facts.user, facts.uid) == ("onprem-ctl", "jdoe", 5001)
    assert (facts.home, facts.root) == ("/home/jdoe", "/home/jdoe/.towline")
    assert (facts.free_mb, facts.free_inodes, facts.fs_type) == (4095, 3085485, "tmpfs")
    assert facts.writable
    assert not facts.noexec
    assert facts.pythons == {"3.11.2": "/usr/bin/python3"}
    assert facts.tools["sbatch"] == "/usr/local/bin/sbatch"
    assert (facts.scheduler, facts.scheduler_version) == ("slurm", "22.05.8")
    assert not facts.accounting
    assert facts.unknown == {}
    assert [part.name for part in facts.partitions] == ["compute", "gpu"]
    assert facts.default_partition() == facts.partition("compute")
    compute = facts.partitions[0]
    assert (compute.nodes, compute.nodes_available, compute.max_time_minutes) == (2, 2, 60)
    assert facts.addresses == ("172.20.0.1", "10.77.10.2")
    assert facts.node_address == "172.20.0.1"
    assert not facts.node_address_guessed


def test_the_processor_is_named_by_its_level_and_a_driver_by_its_cuda(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The level is that of this machine; its driver is a stand-in."""
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho '| Driver Version: 550.54  CUDA Version: 12.4 |'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    facts = probe(LocalShell("local"), define("local", type="local"))
    assert facts.cuda == "12.4"
    flags = Path("/proc/cpuinfo").read_text()
    level = re.search(r"x86_64(_v[234])?", facts.microarch)
    assert level is None if facts.arch != "x86_64" else level
    assert ("avx2" in flags) is (facts.microarch in ("x86_64_v3", "x86_64_v4"))


@pytest.mark.parametrize("recording", ["slurm-22.05-sinfo-hangs", "slurm-22.05-slurmctld-down"])
def test_a_silent_slurm_leaves_facts_unknown_and_never_absent(recording: str) -> None:
    facts = facts_of(recording)
    assert facts.scheduler == "slurm"
    assert facts.unknown["partitions"] == "sinfo gave no answer in time"
    assert set(facts.unknown) == {"partitions", "accounting", "jobs"}
    assert facts.node_address == "172.20.0.1"
    assert facts.node_address_guessed


def test_a_hung_squeue_hides_the_jobs_alone() -> None:
    facts = facts_of("slurm-22.05-squeue-hangs")
    assert facts.unknown == {"jobs": "squeue gave no answer in time"}
    assert len(facts.partitions) == 2


def test_slurm_without_its_configuration_is_unknown_in_slurms_own_words() -> None:
    facts = facts_of("slurm-without-configuration")
    assert facts.unknown["partitions"] == "sinfo: fatal: Could not establish a configuration source"


def test_accounting_that_answers_is_usable_and_one_that_is_down_is_unknown() -> None:
    assert facts_of("slurm-22.05-slurmdbd").accounting
    down = facts_of("slurm-22.05-slurmdbd-down")
    assert down.unknown == {
        "accounting": "sacct: error: Problem talking to the database: Connection refused"
    }
    assert len(down.partitions) == 2


def test_a_host_without_scheduler_has_none_and_nothing_is_unknown() -> None:
    facts = facts_of("no-scheduler")
    assert facts.scheduler is None
    assert facts.partitions == ()
    assert facts.unknown == {}


@pytest.mark.parametrize(
    ("answer", "accounting", "unknown"),
    [
        ("@@!sacct=0", True, {}),
        ("@@!sacct=1\n@@sacct=Slurm accounting storage is disabled", False, {}),
        (
            "@@!sacct=1\n@@sacct=sacct: error: Sending PersistInit msg: Connection refused",
            False,
            {"accounting": "sacct: error: Sending PersistInit msg: Connection refused"},
        ),
        ("@@!sacct=127\n@@sacct=timeout: failed to run command 'sacct'", False, {}),
        ("@@!sacct=124", False, {"accounting": "sacct gave no answer in time"}),
        ("@@!sacct=137", False, {"accounting": "sacct gave no answer in time"}),
        ("@@!sacct=2", False, {"accounting": "sacct: it said nothing"}),
    ],
)
def test_no_accounting_and_an_accounting_that_does_not_answer_are_told_apart(
    answer: str, accounting: bool, unknown: dict[str, str]
) -> None:
    facts = read_answer(f"{answer}\n@@end=ok\n", ONPREM)
    assert facts.accounting is accounting
    assert facts.unknown == unknown


@pytest.mark.parametrize(
    ("tools", "scheduler"),
    [
        (["sbatch", "qsub"], "slurm"),
        (["qsub", "pbsnodes"], "pbs"),
        (["qsub"], "gridengine"),
        (["bsub"], "lsf"),
        (["condor_submit"], "condor"),
        (["tar"], None),
    ],
)
def test_the_scheduler_is_known_by_its_commands(tools: list[str], scheduler: str | None) -> None:
    answer = "".join(f"@@tool={tool} /usr/bin/{tool}\n" for tool in tools)
    assert read_answer(f"{answer}@@end=ok\n", ONPREM).scheduler == scheduler


def test_noise_of_the_login_does_not_matter() -> None:
    answer = "Welcome!\n=====\nmotd @@@\nYour quota: 10% @@home=/home/jdoe\r\nbye\n@@end=ok\nbye\n"
    assert read_answer(answer, ONPREM).home == "/home/jdoe"


@pytest.mark.parametrize("answer", ["", "This account is not available.\n", "@@system=Linux\n"])
def test_an_answer_that_is_not_whole_raises_and_is_never_read_as_facts(answer: str) -> None:
    with pytest.raises(ReachError, match=r"broke off|did not run the probe"):
        read_answer(answer, ONPREM)


def test_a_stated_address_is_taken_as_it_is() -> None:
    answer = (RECORDED / "slurm-22.05.txt").read_text()
    facts = read_answer(answer, define("onprem", host="onprem", address="10.9.9.9"))
    assert facts.node_address == "10.9.9.9"
    assert facts.node_address_reason == "the definition says so"


def test_workers_on_the_controller_itself_use_loopback() -> None:
    answer = (RECORDED / "no-scheduler.txt").read_text()
    assert read_answer(answer, define("box", type="ssh", host="box")).node_address == "127.0.0.1"


def test_this_machine_is_probed_for_real_and_nothing_is_left_in_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # shims of a Python manager are slow
    root = tmp_path / "with 'quote" / ".towline"
    root.parent.mkdir()
    here = define("here", type="local", root=str(root))
    facts = probe(LocalShell("here"), here)
    assert facts.system == "Linux"
    assert facts.root == str(root)
    assert facts.writable
    assert facts.free_mb > 0
    assert facts.observed_at > 0
    assert Path(facts.home).is_dir()
    assert all(Path(path).exists() for path in facts.pythons.values())
    assert list(tmp_path.rglob("*towline*")) == []


def test_a_root_with_shell_signs_is_quoted() -> None:
    script = probe_script(define("here", type="local", root="/scratch/$(touch x)"))
    assert script.splitlines()[1] == "root='/scratch/$(touch x)'"


def test_pythons_are_found_by_minor_and_for_the_agent() -> None:
    facts = ClusterFacts(pythons={"2.7.18": "/p2", "3.6.8": "/p36", "3.11.2": "/p311"})
    assert facts.python_of_minor("3.11") == "/p311"
    assert facts.python_of_minor("3.1") is None
    assert facts.agent_python() == "/p36"
    assert facts.agent_python("/mine") == "/mine"
    assert ClusterFacts(pythons={"2.7.18": "/p2"}).agent_python() is None
