"""Clusters as the API shows them."""

from __future__ import annotations

import time
from typing import Any

from pydantic import BaseModel, Field

from towline.clusters import CheckStep, Observation
from towline.clusters.power import Desired, PowerState
from towline.clusters.types import ClusterType, UnknownType
from towline.errors import TowlineError
from towline.server.control.managed import Check, Managed
from towline.server.index.entry import iso
from towline.server.problems import Problem, from_error
from towline.server.services import Services


class ObservationInfo(Observation):
    """What was seen of a cluster; null is "not observed", never "none"."""

    observed_at: str | None = Field(  # type: ignore[assignment]  # seconds inside
        default=None, description="When."
    )


class InputInfo(BaseModel):
    """A question that a person must answer: POST it to `/clusters/{name}/input`."""

    id: str
    prompt: str = Field(description="The host's own words, as OpenSSH shows them.")
    asked_at: str
    until: str = Field(description="When ssh gives up waiting.")


class ClusterInfo(BaseModel):
    """A cluster: what it is, what is wanted of it, what was seen."""

    name: str
    type: str
    title: str = Field(description="Of its type.")
    group: str = Field(description="Of its type.")
    elastic: bool = Field(description="Switching it off ends machines.")
    description: str
    tags: list[str]
    owner: str | None = Field(description="Null: the administrators.")
    definition: dict[str, Any] | None = Field(
        description="The keys that its file sets; null: the file is wrong."
    )
    definition_problem: Problem | None = None
    desired: Desired | None = Field(description="Null: nobody has asked; it is only looked at.")
    state: PowerState = Field(
        description="`unknown`: it cannot be seen; `observation` is what was seen last."
    )
    since: str = Field(description="When the state became this one.")
    reason: str = Field(description="Why it is so, in a sentence; may be empty.")
    next: str = Field(description="What to do about it; may be empty.")
    problem: Problem | None = Field(default=None, description="What stands in the way.")
    observation: ObservationInfo | None = Field(description="Null: never seen.")
    observed_at: str | None = Field(description="When it was observed.")
    age_seconds: float | None = Field(description="Age of the observation.")
    input: InputInfo | None = None
    runs: list[int] = Field(description="Living runs that use it.")


class StepInfo(BaseModel):
    """One step of a check."""

    step: str
    status: str = Field(description="`ok`, `warn`, `fail` or `skipped`.")
    detail: str
    seconds: float | None
    next: str
    error: str | None


class CheckInfo(BaseModel):
    """A check of the way to a cluster, with the steps so far."""

    running: bool
    doing: str = Field(description="The step that is being tried.")
    started: str
    usable: bool | None = Field(description="Whether runs can work; null: not known yet.")
    steps: list[StepInfo]


def cluster_info(services: Services, managed: Managed) -> ClusterInfo:
    """Return a cluster as the API shows it."""
    definition = managed.definition
    kind = _kind(managed)
    question = services.clusters.logins.question(managed.name)
    trouble = managed.wrong or managed.trouble
    values = definition.model_dump(mode="json", exclude_defaults=True) if definition else None
    if values is not None and definition is not None:
        values |= {"name": definition.name, "type": definition.type}
    observation = managed.observation
    return ClusterInfo(
        name=managed.name,
        type=definition.type if definition else "",
        title=kind.title if kind else "",
        group=kind.group if kind else "",
        elastic=kind.elastic if kind else False,
        description=definition.description if definition else "",
        tags=list(definition.tags) if definition else [],
        owner=services.access.directory.owner_of("cluster", managed.name),
        definition=values,
        definition_problem=problem_of(managed.wrong),
        desired=managed.desired,
        state=PowerState.ERROR if managed.wrong else managed.state,
        since=iso(managed.since) or "",
        reason=managed.wrong.cause if managed.wrong else managed.reason,
        next=_next(managed, trouble),
        problem=problem_of(managed.trouble),
        observation=None
        if observation is None
        else ObservationInfo.model_validate(
            observation.model_dump() | {"observed_at": iso(managed.observed_at)}
        ),
        observed_at=iso(managed.observed_at),
        age_seconds=None
        if managed.observed_at is None
        else round(max(0.0, time.time() - managed.observed_at), 1),
        input=None
        if question is None
        else InputInfo(
            id=question.id,
            prompt=question.prompt,
            asked_at=iso(question.asked) or "",
            until=iso(question.until) or "",
        ),
        runs=services.clusters.runs_on(managed.name),
    )


def cluster_json(services: Services, managed: Managed) -> str:
    """Return a cluster as JSON, for those who follow changes."""
    return cluster_info(services, managed).model_dump_json()


def check_info(check: Check) -> CheckInfo:
    """Return a check as the API shows it."""
    return CheckInfo(
        running=check.running,
        doing=check.doing,
        started=iso(check.started) or "",
        usable=check.usable,
        steps=[step_info(step) for step in check.steps],
    )


def step_info(step: CheckStep) -> StepInfo:
    """Return a step of a check as the API shows it."""
    return StepInfo.model_validate(step.as_dict())


def problem_of(error: TowlineError | None) -> Problem | None:
    """Return an error as the API shows errors inside of answers."""
    return None if error is None else Problem.model_validate(from_error(error).body())


def _kind(managed: Managed) -> ClusterType | None:
    try:
        return managed.definition.kind if managed.definition else None
    except UnknownType:
        return None


def _next(managed: Managed, trouble: TowlineError | None) -> str:
    if managed.state is PowerState.INPUT_NEEDED and managed.wrong is None:
        return (
            "answer it, or type it in a terminal: towline cluster login "
            f"{managed.name}; switch it on again to be asked again"
        )
    return trouble.next_step if trouble is not None else ""
