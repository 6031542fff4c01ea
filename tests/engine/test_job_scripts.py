"""The job scripts and submit commands of each scheduler, as an executor's definition asks.

The site is a stand-in: what would go over SSH is kept and looked at.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from towline.clusters import ClusterFacts, Partition
from towline.engine.batch_job.job_site import job_provider
from towline.engine.blocks import Block
from towline.engine.definitions import ExecutorDefinition
from towline.engine.providers import PROVIDERS
from towline.engine.providers.once_a_node import OnceANode
from towline.engine.scheduler_keys import check_keys
from towline.engine.submitting import SubmissionFailed
from towline.errors import CommandTimedOut, DefinitionError
from towline.ssh import CommandResult

FACTS = ClusterFacts(partitions=(Partition(name="workq", default=True, cpus_per_node=16),))


@dataclass
class StandInSite:
    """A site that runs nothing."""

    blocks: Path
    answer: CommandResult
    facts: ClusterFacts = FACTS
    tag: str = "r1-00000000"
    name: str = "stand-in"
    folder: str = "/home/jdoe/.towline/runs/r1-00000000"
    sent: list[tuple[str, str]] = field(default_factory=list)

    @property
    def connection(self) -> StandInSite:
        return self

    def run(self, script: str, *, input: bytes = b"", timeout: float = 0) -> CommandResult:  # noqa: A002
        self.sent.append((script, input.decode()))
        return self.answer

    def batch(self, scheduler: object) -> StandInSite:
        return self

    def submit(self, label: str, send: Callable[[Block], str]) -> Block:
        block = Block("a/0", label, 0)
        block.job_id = send(block)
        return block

    def intend(self, block: Block, job_name: str) -> None:
        block.job_name = job_name

    def job_name(self, label: str, number: int) -> str:
        return f"tl.{self.tag}.{label}.{number}"

    def worker_setup(self, label: str) -> str:
        return "export TOWLINE_PORT=1"


ANSWERS = {"pbs": "17.pbs01\n", "torque": "17.torque\n",
           "lsf": "Job <17> is submitted to queue <q>.\n",
           "slurm": "Submitted batch job 17\n"}  # fmt: skip


def submitted(
    tmp_path: Path,
    kind: str,
    answer: CommandResult | None = None,
    facts: ClusterFacts = FACTS,
    **keys: Any,
) -> tuple[str, str, Any]:
    """Submit a block; return the shell that was sent, the job script, and the provider."""
    site = StandInSite(tmp_path, answer or CommandResult(0, ANSWERS[kind], "", 0.1), facts)
    wanted = ExecutorDefinition.model_validate({"cluster": "x", **keys})
    provider = PROVIDERS[kind](site, "a", wanted)  # type: ignore[arg-type]
    provider.script_dir = str(tmp_path)
    provider.submit("start-worker", 1)
    return (*site.sent[-1], provider)


ALL: dict[str, Any] = {
    "partition": "workq",
    "account": "phys",
    "nodes": 2,
    "cores_per_node": 8,
    "mem_per_node": 4,
    "gpus_per_node": 2,
    "exclusive": True,
    "walltime": "01-02:00:00",
}


@pytest.mark.parametrize(
    ("kind", "keys", "lines"),
    [
        ("pbs", {"constraint": "gpu_model=a100", "scheduler_options": ["#PBS -m e"]}, [
            "#PBS -l walltime=26:00:00",
            "#PBS -l select=2:ncpus=8:mem=4gb:ngpus=2:gpu_model=a100",
            "#PBS -l place=scatter:excl", "#PBS -q workq", "#PBS -A phys", "#PBS -m e"]),
        ("torque", {"constraint": "bigmem:ib", "qos": "high"}, [
            "#PBS -l walltime=26:00:00", "#PBS -l nodes=2:ppn=8:gpus=2:bigmem:ib",
            "#PBS -l mem=8gb", "#PBS -l qos=high", "#PBS -n", "#PBS -q workq", "#PBS -A phys"]),
        ("lsf", {"constraint": "type==X86_64 && ib", "reservation": "jdoe#1"}, [
            "#BSUB -W 1560", "#BSUB -n 16", '#BSUB -R "span[ptile=8]"', "#BSUB -q workq",
            "#BSUB -P phys", '#BSUB -R "select[type==X86_64 && ib]"', '#BSUB -R "rusage[mem=4GB]"',
            '#BSUB -gpu "num=2"', "#BSUB -U jdoe#1", "#BSUB -x"]),
        ("slurm", {"constraint": "ib", "qos": "high", "reservation": "r1"}, [
            "#SBATCH --partition=workq", "#SBATCH --account=phys", "#SBATCH --qos=high",
            "#SBATCH --constraint=ib", "#SBATCH --reservation=r1", "#SBATCH --exclusive",
            "#SBATCH --gpus-per-node=2", "#SBATCH --mem=4g"]),
    ],
)  # fmt: skip
def test_each_key_becomes_the_scheduler_s_directive(
    tmp_path: Path, kind: str, keys: dict[str, Any], lines: list[str]
) -> None:
    """On a line of its own, in the words of that scheduler."""
    _, script, _ = submitted(tmp_path, kind, **ALL, **keys)
    written = [" ".join(line.split()) for line in script.splitlines()]
    assert [line for line in lines if line not in written] == [], script
    assert script.index("export TOWLINE_PORT=1") < script.index("start-worker")
    assert script.count("tl.r1-00000000.a.0") >= 1
    assert "parsl." not in script  # Torque's name must begin with whose job it is


@pytest.mark.parametrize("kind", ["pbs", "torque"])
def test_qsub_gets_a_file_and_the_places_of_its_output(tmp_path: Path, kind: str) -> None:
    """It reads no script from its standard input."""
    shell, script, _ = submitted(tmp_path, kind)
    name = script.split("#PBS -N ")[1].split("\n")[0]
    assert f"cat > {name}.sh || exit 1" in shell
    assert f'qsub -o "$PWD"/{name}.stdout -e "$PWD"/{name}.stderr {name}.sh </dev/null' in shell


def test_bsub_reads_its_script_from_its_input(tmp_path: Path) -> None:
    """Though LSFProvider asks its parent class to run it, and so passes by an override."""
    shell, script, provider = submitted(tmp_path, "lsf")
    assert shell.rstrip().endswith("bsub")
    assert ".submit.stdout" in script
    assert provider.nodes_per_block == 1


@pytest.mark.parametrize("kind", ["pbs", "torque", "lsf"])
def test_an_answer_without_an_id_is_doubtful_and_a_failure_is_told(
    tmp_path: Path, kind: str
) -> None:
    """Parsl's Torque and LSF providers return None for both."""
    with pytest.raises(CommandTimedOut, match="without a job id"):
        submitted(tmp_path, kind, CommandResult(0, "Welcome to our site!\n", "", 0.1))
    with pytest.raises(SubmissionFailed, match="Unknown queue"):
        submitted(tmp_path, kind, CommandResult(170, "", "qsub: Unknown queue\n", 0.1))


@pytest.mark.parametrize(
    ("kind", "keys", "words"),
    [
        ("pbs", {"qos": "high"}, "PBS Pro has no qos"),
        ("pbs", {"gres": "gpu:1"}, "gpus_per_node"),
        ("pbs", {"reservation": "R1"}, "is a queue"),
        ("pbs", {"constraint": "bigmem"}, "not how PBS Pro says it"),
        ("pbs", {"scheduler_options": ["#SBATCH --mem=4g"]}, "no directive of PBS Pro"),
        ("torque", {"constraint": "a b"}, "not how Torque says it"),
        ("torque", {"reservation": "R1"}, "Moab"),
        ("torque", {"mpi": "mpiexec"}, "node file"),
        ("lsf", {"qos": "high"}, "sla"),
        ("lsf", {"constraint": 'x]" -J y'}, "not how LSF says it"),
        ("lsf", {"scheduler_options": ["#BSUB-x"]}, "no directive of LSF"),
        ("lsf", {"mpi": "srun"}, "Slurm and PBS only"),
        ("slurm", {"scheduler_options": ["#PBS -l x"]}, "no directive of Slurm"),
    ],
)
def test_what_a_scheduler_does_not_have_is_refused(
    kind: str, keys: dict[str, Any], words: str
) -> None:
    """With what to write instead."""
    wanted = ExecutorDefinition.model_validate({"cluster": "x", **keys})
    with pytest.raises(DefinitionError) as refused:
        check_keys("x/a", kind, wanted, FACTS)
    assert words in str(refused.value)
    assert refused.value.next_step


def test_gpus_of_an_old_lsf_are_refused(tmp_path: Path) -> None:
    """`bsub -gpu` came with 10.1; its memory has no unit before."""
    old = FACTS.model_copy(update={"scheduler_version": "9.1.3.0"})
    wanted = ExecutorDefinition.model_validate({"cluster": "x", "gpus_per_node": 1})
    with pytest.raises(DefinitionError, match="no GPUs of its own"):
        check_keys("x/a", "lsf", wanted, old)
    _, script, _ = submitted(tmp_path, "lsf", facts=old, mem_per_node=4)
    assert "rusage[mem=4096]" in script


@pytest.mark.parametrize(("kind", "starter"), [("pbs", "pbsdsh --"), ("torque", "pbsdsh -u"),
                                               ("lsf", "blaunch -z")])  # fmt: skip
def test_a_block_of_several_nodes_starts_its_workers_on_each(
    tmp_path: Path, kind: str, starter: str
) -> None:
    """By the scheduler's own means; an MPI block starts them on its first node only."""
    assert starter in submitted(tmp_path, kind, nodes=3)[1]
    assert starter not in submitted(tmp_path, kind, nodes=1)[1]
    if kind == "pbs":
        assert starter not in submitted(tmp_path, kind, nodes=3, mpi="mpiexec")[1]


def test_workers_on_other_nodes_have_the_job_s_environment(tmp_path: Path) -> None:
    """`pbsdsh` starts processes with hardly any (here: a stand-in that clears it)."""
    launcher = OnceANode(str(tmp_path), "env -i /bin/bash")
    command = launcher('echo "$TOWLINE_PORT $PBS_NODENUM in $PWD"', 1, 2)
    (tmp_path / "it's work").mkdir()
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path / "it's work",
        env={**os.environ, "JOBNAME": "tl.x", "TOWLINE_PORT": "1 2'3", "PBS_NODENUM": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"1 2'3  in {tmp_path}/it's work\n"


@pytest.mark.parametrize(
    ("kind", "once"),
    [("pbs", "#PBS -r n"), ("torque", "#PBS -r n"), ("lsf", "#BSUB -rn"),
     ("slurm", "#SBATCH --no-requeue")],
)  # fmt: skip
def test_a_batch_job_runs_its_program_once(tmp_path: Path, kind: str, once: str) -> None:
    """On its first node, whatever the number of nodes, and not again after a lost one."""
    site: Any = StandInSite(tmp_path, CommandResult(0, ANSWERS[kind], "", 0.1))
    wanted = ExecutorDefinition.model_validate({"cluster": "x", "nodes": 2, "tasks_per_node": 3})
    job_provider(site, "job", wanted, kind).submit("sh job.sh", 3, "job")
    lines = [line.strip() for line in site.sent[-1][1].splitlines()]
    assert once in lines
    assert lines.count("sh job.sh") == 1
    assert not any("srun" in line or "pbsdsh" in line or "blaunch" in line for line in lines)
