"""MPI programs over a block's nodes and GPUs pinned to workers, on real Slurm."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from typing import Any

import parsl
import pytest

import towline
from towline.errors import DefinitionError
from towline.runs import RunFolder
from towline.testbed import Testbed


def _of_a_script(source: str) -> Any:
    """Return a function as a user's script has it: Parsl sends those of other modules by name."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(source, names)  # noqa: S102
    return names["run_in_shell"]


run_in_shell = _of_a_script(
    "def run_in_shell(command, parsl_resource_specification=None):\n"
    "    import subprocess\n"
    "    return subprocess.getoutput(command)\n"
)


def test_an_mpi_app_gets_nodes_of_its_block(
    clusters: Testbed, leftovers: Callable[[], list[str]]
) -> None:
    """Parsl's MPIExecutor over the link: srun starts the ranks where the app was told."""
    executor = {
        "cluster": "onprem", "partition": "compute", "nodes": 2, "mpi": "srun", "mpi_apps": 2,
        "packages": ["parsl"],
    }  # fmt: skip
    with towline.load({"m": executor}):
        shell = parsl.python_app(run_in_shell, executors=["m"])
        both = shell(
            "$PARSL_MPI_PREFIX hostname",
            parsl_resource_specification={"num_nodes": 2, "ranks_per_node": 2},
        )
        assert sorted(both.result(60).split()) == ["onprem-n1"] * 2 + ["onprem-n2"] * 2
        spread = [
            shell(
                "$PARSL_MPI_PREFIX hostname",
                parsl_resource_specification={"num_nodes": 1, "ranks_per_node": 1},
            )
            for _ in range(4)
        ]
        assert {future.result(60).strip() for future in spread} <= {"onprem-n1", "onprem-n2"}
        prefix = shell(
            "echo $PARSL_MPI_PREFIX",
            parsl_resource_specification={"num_nodes": 2, "num_ranks": 2},
        )
        assert prefix.result(60).startswith("srun --ntasks 2 ")
    assert leftovers() == []


@pytest.mark.skipif(
    not shutil.which("mpiexec.hydra"), reason="MPICH'S mpiexec IS MISSING: install mpich"
)
def test_mpiexec_starts_ranks_on_both_nodes(clusters: Testbed) -> None:
    """MPICH's hydra, where the app was told.

    What the ranks would say to each other is not tried: UCX takes the testbed's nodes, which share
    a kernel, for one machine, and now and then waits for ever.
    """
    executor = {"cluster": "onprem", "nodes": 2, "mpi": "mpiexec", "packages": ["parsl"]}
    with towline.load({"m": executor}):
        shell = parsl.python_app(run_in_shell, executors=["m"])
        said = shell(
            "$PARSL_MPI_PREFIX hostname",
            parsl_resource_specification={"num_nodes": 2, "ranks_per_node": 2},
        ).result(60)
    assert sorted(said.split()) == ["onprem-n1"] * 2 + ["onprem-n2"] * 2, said


def test_each_worker_sees_one_gpu(clusters: Testbed, leftovers: Callable[[], list[str]]) -> None:
    """`accelerators` pins what Slurm gave: two workers, two devices, one each."""
    executor = {
        "cluster": "onprem", "partition": "gpu", "gres": "gpu:2", "tasks_per_node": 2,
        "accelerators": 2, "packages": ["parsl"],
    }  # fmt: skip
    with towline.load({"g": executor}) as dfk:
        environment = parsl.python_app(os.getenv, executors=["g"])
        environment("HOME").result(60)
        seen: set[str] = set()
        deadline = time.monotonic() + 30
        while len(seen) < 2 and time.monotonic() < deadline:  # both workers have their turn
            futures = [environment("CUDA_VISIBLE_DEVICES") for _ in range(8)]
            seen |= {future.result(60) for future in futures}
        assert seen == {"0", "1"}
        assert len(dfk.executors["g"].connected_managers()) == 1
    assert leftovers() == []


@pytest.mark.parametrize(
    ("executor", "words"),
    [
        ({"cluster": "onprem", "provider": "pbs"}, "provider pbs does not go with"),
        ({"cluster": "onprem", "scheduler_options": "#PBS -l x"}, "no directive of Slurm"),
        ({"cluster": "onprem", "scheduler_options": ["#SBATCH --x\nrm -rf"]}, "not one"),
        ({"cluster": "onprem", "provider": "controller", "mpi": "srun"}, "mpi"),
    ],
)
def test_what_cannot_be_is_said_before_anything_happens(
    clusters: Testbed, executor: dict[str, Any], words: str, leftovers: Callable[[], list[str]]
) -> None:
    """Another scheduler's directives, two lines in one, MPI without nodes."""
    with pytest.raises(DefinitionError, match=words):
        towline.load({"a": executor})
    assert leftovers() == []
    assert not any(e.name == "block" for run in RunFolder.all() for e in run.events.read())
