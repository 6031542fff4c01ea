"""What a server says of its things. What a newer server adds is kept, and breaks nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

ENDED = frozenset({"succeeded", "failed", "cancelled", "lost"})
"""States of a run after which nothing more happens."""


class Record(BaseModel):
    """Base of all answers: unknown fields are kept, and can be read like the known ones."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)


class Me(Record):
    """Who the key belongs to, and what it may do."""

    name: str = ""
    role: str = ""
    scopes: list[str] = Field(default_factory=list)


class ClusterInfo(Record):
    """A cluster, as it was last seen.

    ``state`` is one of off, starting, on, stopping, error, unknown, input_needed; ``desired`` is
    what it was asked to be.
    """

    name: str
    type: str = ""
    description: str = ""
    tags: list[str] = Field(default_factory=list)
    desired: str | None = None
    state: str = "unknown"
    since: datetime | None = None
    observed_at: datetime | None = None
    reason: str = ""
    next: str = ""
    observation: dict[str, Any] | None = None
    definition: dict[str, Any] | None = None
    runs: list[int] = Field(default_factory=list)

    @property
    def on(self) -> bool:
        """Whether it can be used now; ``runs`` are those that do."""
        return self.state == "on"


class TaskCounts(Record):
    """How many tasks of a run there are."""

    done: int = 0
    failed: int = 0
    total: int = 0


class WorkflowOfRun(Record):
    """The workflow that a run executes."""

    name: str
    version: int | None = None


class RunInfo(Record):
    """A run; ``seconds`` is from start to end, None while it goes on.

    ``state`` is one of created, starting, running, cancelling, succeeded, failed, cancelled, lost;
    ``leftovers`` counts what could not be removed from the clusters (None: not looked for yet);
    ``details``, of one run only, is all else that the server says of it.
    """

    number: int
    tag: str = ""
    state: str = "created"
    final: bool | None = None
    title: str | None = None
    owner: str | None = None
    workflow: WorkflowOfRun | None = None
    script: str | None = None
    arguments: list[str] = Field(default_factory=list)
    created: datetime | None = None
    ended: datetime | None = None
    seconds: float | None = None
    exit_code: int | None = None
    reason: str | None = None
    clusters: list[str] = Field(default_factory=list)
    tasks: TaskCounts = Field(default_factory=TaskCounts)
    leftovers: int | None = None
    details: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _line_and_details(cls, data: Any) -> Any:
        """One run is answered with its line of the list, and the rest beside it."""
        if isinstance(data, dict) and isinstance(data.get("run"), dict):
            return {**data["run"], "details": {k: v for k, v in data.items() if k != "run"}}
        return data

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it; a lost one is cleaned up after first."""
        return self.state in ENDED if self.final is None else self.final

    @property
    def ok(self) -> bool:
        """Whether it succeeded and left nothing behind."""
        return self.state == "succeeded" and not self.exit_code


class RunEvent(Record):
    """One event of a run, with its facts as the run wrote them."""

    id: int = 0
    time: datetime | None = None
    event: str = ""
    facts: dict[str, Any] = Field(default_factory=dict)


class RunTask(Record):
    """One try of one task; ``number`` is 1 for the first."""

    task: str = ""
    number: int = 1
    app: str = ""
    executor: str = ""
    cluster: str = ""
    state: str = ""
    called: datetime | None = None
    launched: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    ran_seconds: float | None = None
    cpu_seconds: float | None = None
    memory_bytes: int | None = None
    host: str = ""
    block: str = ""
    worker: str = ""
    pid: int | None = None
    error: str = ""
    text: str = ""


class WorkflowInfo(Record):
    """An installed workflow."""

    name: str
    version: int | None = None
    title: str | None = None
    description: str | None = None
    tags: list[str] = Field(default_factory=list)
    digest: str = ""
    installed_at: datetime | None = None
    source: dict[str, str] = Field(default_factory=dict)
    definition: dict[str, Any] | None = None


class CheckStepInfo(Record):
    """One step of the way to a cluster; ``status`` is ok, warn, fail or skipped."""

    step: str
    status: str
    detail: str = ""
    seconds: float | None = None
    next: str = ""
    error: str | None = None


class FileInfo(Record):
    """A file of a run; ``size`` in bytes."""

    path: str
    kind: str = "file"
    size: int | None = None


class Upload(Record):
    """A file that was sent to the server; its ``id`` is the value of a file field."""

    id: str
    name: str = ""
    size: int | None = None


class KeyInfo(Record):
    """An API key; the key itself is only in the answer to its making, as ``key``."""

    id: str
    name: str = ""
    user: str = ""
    scopes: list[str] = Field(default_factory=list)
    created: datetime | None = None
    expires: datetime | None = None
    last_used: datetime | None = None
    revoked: datetime | None = None
    key: str | None = Field(default=None, repr=False)


class UserInfo(Record):
    """A user of the server."""

    name: str
    role: str = ""
    disabled: bool = False
    has_password: bool = False
    created: datetime | None = None
