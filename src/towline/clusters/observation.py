"""What a look at a cluster shows: its power, nodes, queue and jobs."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from towline.clusters.definition import NodePrice
from towline.clusters.facts import Partition
from towline.clusters.power import PowerState

OUR_JOBS = "tl."
"""How the names of all jobs of all runs begin."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class PartitionNow(Partition):
    """A partition, with its nodes by state."""

    nodes_by_state: dict[str, int] = Field(
        default_factory=dict, description="Nodes in each of the scheduler's own states."
    )


class Job(_Frozen):
    """One of the user's jobs in the queue."""

    id: str
    name: str = ""
    state: str = Field(description="In the scheduler's own word.")
    partition: str = ""
    nodes: int = 0
    run: str | None = Field(default=None, description="Tag of the run that it belongs to.")
    reason: str = Field(default="", description="Why it waits, in the scheduler's words.")


class Queue(_Frozen):
    """The jobs of everybody, as far as the scheduler shows them to this user."""

    running: int = 0
    waiting: int = 0
    other: int = 0


class Disk(_Frozen):
    """Room in the file system of Towline's folder, in MiB, as df says."""

    path: str
    free_mb: int
    total_mb: int


class Quota(_Frozen):
    """A quota of the user, in MiB, as the site's ``quota`` shows it."""

    file_system: str
    used_mb: int
    limit_mb: int


class CostRate(_Frozen):
    """What the cluster costs now, an estimate from the definition's `cost_per_node_hour`."""

    amount_per_hour: float
    currency: str
    nodes: int = Field(description="Nodes that it is the cost of.")
    basis: str = Field(description="Which nodes these are, in words.")


class Observation(_Frozen):
    """A cluster as one look saw it.

    What could not be observed is null and stands in `unknown` (what: why). Nothing in here is a
    guess: null is never "none".
    """

    state: PowerState
    reason: str = Field(default="", description="Why it is so, when that is not plain.")
    controller: str | None = Field(
        default=None, description="Address of the controller, as SSH reaches it; null: not on."
    )
    scheduler: str | None = Field(default=None, description="Its name and version.")
    partitions: tuple[PartitionNow, ...] | None = None
    nodes_by_state: dict[str, int] | None = Field(
        default=None, description="All nodes, each counted once, in the scheduler's own states."
    )
    registered_workers: int | None = Field(
        default=None, description="Nodes that answer the scheduler."
    )
    requested_workers: int | None = Field(
        default=None, description="Nodes that are wanted: those that answer or are coming up."
    )
    queue: Queue | None = None
    jobs: tuple[Job, ...] | None = Field(
        default=None, description="This user's jobs; at most 200 of them."
    )
    disk: Disk | None = None
    quotas: tuple[Quota, ...] | None = None
    cost: CostRate | None = Field(default=None, description="Null: unknown, not nothing.")
    unknown: dict[str, str] = Field(default_factory=dict)
    observed_at: float = Field(default=0, description="When, in Unix seconds.")
    seconds: float = Field(default=0, description="How long the look took.")


def cost_of(price: NodePrice | None, nodes: int | None, basis: str) -> CostRate | None:
    """Return what so many nodes cost an hour; None when price or nodes are not known."""
    if price is None or nodes is None:
        return None
    amount = round(price.amount * nodes, 6)
    return CostRate(amount_per_hour=amount, currency=price.currency, nodes=nodes, basis=basis)


def run_of(job_name: str) -> str | None:
    """Return the tag of the run that a job belongs to, by its name; None: not one of ours."""
    if not job_name.startswith(OUR_JOBS):
        return None
    tag = job_name[len(OUR_JOBS) :].partition(".")[0]
    return tag or None
