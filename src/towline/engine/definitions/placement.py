"""The keys that say where workers run and what a block asks of the scheduler."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from towline.engine.definitions.values import Lines, OneLine, Walltime


class PlacementKeys(BaseModel):
    """Where workers run, and the resources of a block."""

    cluster: OneLine = Field(description="Name of the cluster; `local` is this machine.")
    provider: Literal[
        "auto", "slurm", "pbs", "torque", "lsf", "gridengine", "condor", "controller", "local"
    ] = Field(
        "auto",
        description="Where workers run: on nodes, in jobs of the scheduler named; `controller`: on "
        "the controller itself, without the scheduler; `local` on this machine. `auto` follows "
        "the cluster's type.",
    )
    partition: OneLine | None = Field(None, description="Partition (queue); default: the site's.")
    nodes: int = Field(1, ge=1, description="Nodes in a block (one batch job).")
    tasks_per_node: int | None = Field(None, ge=1, description="Workers on a node, at most.")
    cores_per_worker: float = Field(1.0, gt=0, description="Cores of a worker; 0.5: two a core.")
    mem_per_worker: float | None = Field(None, gt=0, description="Memory of a worker, GB.")
    cores_per_node: int | None = Field(None, ge=1, description="Cores to ask for on a node.")
    mem_per_node: int | None = Field(None, ge=1, description="Memory to ask for on a node, GB.")
    gpus_per_node: int | None = Field(None, ge=1, description="GPUs to ask for on a node.")
    accelerators: int | tuple[str, ...] = Field(
        (), description="GPUs to pin workers to, one each: a number or a list of names."
    )
    mpi: Literal["srun", "mpiexec", "aprun"] | None = Field(
        None,
        description="Apps start MPI programs on the block's nodes with this launcher; Parsl's "
        "MPIExecutor gives each app its nodes.",
    )
    mpi_apps: int | None = Field(
        None, ge=1, description="MPI apps at once in a block, at most; default: one a node."
    )
    gres: OneLine | None = Field(None, description="Slurm GRES, such as `gpu:2`.")
    walltime: Walltime = Field("00:30:00", description="Time limit of a block, [DAYS-]HH:MM:SS.")
    account: OneLine | None = Field(None, description="Account (project) to charge.")
    qos: OneLine | None = Field(None, description="Quality of service.")
    constraint: OneLine | None = Field(None, description="Node features to ask for.")
    reservation: OneLine | None = Field(None, description="Reservation to run in.")
    exclusive: bool = Field(False, description="Ask for whole nodes.")
    scheduler_options: Lines = Field(
        (),
        description="More lines for the scheduler, in its own words: `#SBATCH --mail-type=END`.",
    )
