"""How runs, their events, tasks and files look over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel, Field, PlainSerializer, WithJsonSchema

from towline.runs import RunState
from towline.runs.tasks import TryState
from towline.server.index import iso

Moment = Annotated[
    datetime,
    PlainSerializer(lambda moment: iso(moment.timestamp()), when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time, in UTC, to the millisecond: written alike wherever it stands."""

RunNumber = Annotated[int, Path(ge=1, le=2**53 - 1, description="The run's number.")]


class TaskCounts(BaseModel):
    """The tasks of a run so far."""

    done: int
    failed: int
    total: int


class WorkflowOfRun(BaseModel):
    """The workflow that a run executes."""

    name: str
    version: int | None = None


class Run(BaseModel):
    """A run in a line."""

    number: int
    tag: str = Field(description="Marks all that belongs to the run, such as r12-9f3a1c07.")
    state: RunState
    final: bool = Field(description="Nothing more will happen to it.")
    owner: str
    title: str
    workflow: WorkflowOfRun | None = Field(description="null: started from a script, by hand.")
    script: str
    arguments: list[str]
    created: Moment
    ended: Moment | None
    seconds: float | None = Field(description="From start to end; null while it is not over.")
    clusters: list[str]
    tasks: TaskCounts
    exit_code: int | None = Field(description="As `towline run` ends with; null: not over.")
    reason: str
    leftovers: int | None = Field(description="Things that may remain; null: nobody has looked.")
    again_of: int | None = Field(description="The run that this one repeats.")


class Leftover(BaseModel):
    """Something of a run that may still be there."""

    cluster: str
    kind: str
    what: str
    detail: str = ""


class Step(BaseModel):
    """A step of preparing a cluster; ``seconds`` is null while it is under way."""

    name: str
    detail: str
    since: Moment | None
    seconds: float | None


class ClusterOfRun(BaseModel):
    """What a run does on one cluster."""

    name: str
    link: str
    steps: list[Step]


class Block(BaseModel):
    """A batch job with workers."""

    number: str
    job_id: str
    state: str
    outcome: str
    reason: str
    nodes: str
    submitted: Moment | None
    started: Moment | None
    ended: Moment | None


class ExecutorOfRun(BaseModel):
    """An executor: its blocks, and its tasks."""

    label: str
    cluster: str
    workers: int
    outstanding: int
    done: int | None
    total: int | None
    blocks: list[Block]


class RunDetails(BaseModel):
    """A run in full."""

    run: Run
    inputs: dict[str, Any] | None = Field(description="Secrets as {'secret': true}.")
    cluster_choice: dict[str, str] = Field(description="Cluster by executor, as asked for.")
    python: str
    working_folder: str
    host: str = Field(description="The workspace that it runs on.")
    warnings: list[str]
    error: dict[str, Any] | None
    cleaning: str = Field(description="The step of the clean-up under way.")
    clusters: list[ClusterOfRun]
    executors: list[ExecutorOfRun]
    leftovers: list[Leftover] | None


class RunEvent(BaseModel):
    """One event of a run."""

    id: int = Field(description="Where its stream goes on: the Last-Event-ID.")
    time: Moment | None
    event: str
    facts: dict[str, Any]


class RunTask(BaseModel):
    """One try of one task."""

    task: str
    number: int = Field(description="1: the first try.")
    app: str
    executor: str
    cluster: str
    state: TryState
    called: Moment | None
    launched: Moment | None
    started: Moment | None
    ended: Moment | None
    waited_seconds: float | None = Field(description="For the tasks that it depends on.")
    queued_seconds: float | None = Field(description="From its launch to its start.")
    ran_seconds: float | None
    cpu_seconds: float | None
    memory_bytes: int | None = Field(description="The worker's peak so far.")
    host: str
    block: str
    worker: str
    pid: int | None
    error: str
    text: str


class FileOfRun(BaseModel):
    """A file or folder of a run; ``size`` in bytes."""

    path: str
    kind: str = Field(description="file, folder, or link (which is not followed).")
    size: int
    modified: Moment | None
