"""What a cluster turned out to be when it was last looked at."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Partition(BaseModel):
    """A partition (queue) as the scheduler shows it to this user."""

    model_config = ConfigDict(frozen=True)

    name: str
    default: bool = False
    state: str = Field(
        default="up", description="`up`, or in the scheduler's words why it starts no job."
    )
    max_time_minutes: int | None = Field(
        default=None, description="Longest walltime; null: no limit."
    )
    max_nodes: int | None = Field(
        default=None, description="Most nodes of one job; null: no limit."
    )
    nodes: int = Field(default=0, description="Nodes, whatever their state.")
    nodes_available: int = Field(
        default=0, description="Nodes that are busy or idle: neither down nor drained."
    )
    cpus_per_node: int = Field(default=0, description="CPUs of the smallest node.")
    mem_mb: int = Field(default=0, description="Memory of the smallest node in MiB.")
    gres: tuple[str, ...] = Field(
        default=(), description="Generic resources, such as `gpu:a100:4`."
    )


class ClusterFacts(BaseModel):
    """A controller and its scheduler, as one probe saw them.

    What could not be observed stands in `unknown` (fact: why); its field then holds an empty
    value that says nothing about the cluster.
    """

    model_config = ConfigDict(frozen=True)

    system: str = Field(default="", description="`Linux`, as uname says.")
    kernel: str = ""
    arch: str = Field(default="", description="`x86_64`, `aarch64`, …, as uname says.")
    glibc: str = Field(default="", description="`2.36`; empty where the C library is another one.")
    microarch: str = Field(
        default="", description="`x86_64_v3`: level of the controller's processor; not the nodes'."
    )
    cuda: str = Field(
        default="", description="Newest CUDA that the controller's driver runs; empty: no driver."
    )
    hostname: str = ""
    user: str = ""
    uid: int = -1
    shell: str = Field(default="", description="The user's log-in shell.")
    home: str = Field(default="", description="Home folder with all symbolic links followed.")
    root: str = Field(default="", description="Absolute path of Towline's folder on the cluster.")
    fs_type: str = Field(
        default="", description="File system of the root folder: `ext2/ext3`, `nfs`, …"
    )
    free_mb: int = Field(
        default=-1, description="Free MiB there, as df says (quotas may leave less)."
    )
    free_inodes: int = Field(default=-1, description="Free inodes there; -1: it has no such limit.")
    writable: bool = Field(default=True, description="A small file could be written there.")
    noexec: bool = Field(default=False, description="Programs there cannot be started.")
    pythons: dict[str, str] = Field(
        default_factory=dict, description="Python version: absolute path. PATH's first one wins."
    )
    tools: dict[str, str] = Field(
        default_factory=dict, description="Command: absolute path, of those Towline has a use for."
    )
    scheduler: str | None = Field(
        default=None,
        description="`slurm`, `pbs`, `torque`, `lsf`, `gridengine` or `condor`.",
    )
    scheduler_version: str = ""
    scheduler_settings: dict[str, str] = Field(
        default_factory=dict,
        description="Environment variables that the scheduler's commands have from the user's "
        "profile, such as `SGE_ROOT`.",
    )
    parallel_environments: tuple[str, ...] = Field(
        default=(), description="Grid Engine's, of those that give slots of one node only."
    )
    accounting: bool = Field(
        default=False, description="sacct answers, so ended jobs can be looked up."
    )
    partitions: tuple[Partition, ...] = ()
    jobs: int = Field(default=0, description="The user's jobs in the queue, waiting or running.")
    addresses: tuple[str, ...] = Field(default=(), description="All IPv4 addresses but loopback.")
    node_address: str = Field(
        default="", description="The controller's address as its nodes reach it."
    )
    node_address_reason: str = Field(default="", description="Why this address.")
    node_address_guessed: bool = Field(
        default=False, description="No node and no setting of the scheduler could speak for it."
    )
    unknown: dict[str, str] = Field(
        default_factory=dict, description="Facts that could not be observed, and why."
    )
    observed_at: float = Field(default=0, description="When, in Unix seconds.")
    seconds: float = Field(default=0, description="How long the probe took.")

    def python_of_minor(self, minor: str) -> str | None:
        """Return the path of a Python such as ``"3.11"``, or None where there is none."""
        for version, path in self.pythons.items():
            if version.split(".")[:2] == minor.split(".")[:2]:
                return path
        return None

    def agent_python(self, stated: str | None = None) -> str | None:
        """Return the stated Python for the link's agent, else the first of 3.6 or later."""
        if stated is not None:
            return stated
        usable = (p for v, p in self.pythons.items() if tuple(map(int, v.split(".")[:2])) >= (3, 6))
        return next(usable, None)

    def partition(self, name: str) -> Partition | None:
        """Return a partition by name, or None."""
        return next((part for part in self.partitions if part.name == name), None)

    def default_partition(self) -> Partition | None:
        """Return the partition of jobs that name none, or None."""
        return next((part for part in self.partitions if part.default), None)
