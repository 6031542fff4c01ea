"""Launch a run of a workflow, or repeat one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import anyio.to_thread
from fastapi import Header
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from towline.server.access.actions import Action
from towline.server.access.caller import Caller
from towline.server.access.principal import ObjectRef
from towline.server.access.rules import Rule
from towline.server.api._runs import find, folder_of
from towline.server.api.run_models import Run, RunNumber
from towline.server.dependencies import CallerDep, ServicesDep
from towline.server.launcher import Launch
from towline.server.problems import problem, problems
from towline.server.routing import PREFIX, Router
from towline.server.services import Services
from towline.server.used_clusters import asked_besides_form, used_clusters
from towline.workflows import Installed
from towline.workflows.importers.payload_2022 import SEPARATOR, inputs_of_payload

router = Router(prefix="/runs", tags=["runs"])

Inputs = Annotated[
    dict[str, Any],
    Field(
        description="By name, nested by groups; what the form of the workflow asks for. Names of "
        "2022, `section|param`, are understood."
    ),
]
Clusters = Annotated[
    dict[str, Annotated[str, Field(max_length=255)]],
    Field(description="Cluster by executor label, in place of the form's (`on`: the batch job's)."),
]
Title = Annotated[str | None, Field(max_length=200, description="What people call the run.")]
Version = Annotated[int | None, Field(ge=1, le=2**31, description="null: the newest.")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]{1,255}$",
        description="Made by the client, one for each launch: repeated, it answers the same run.",
    ),
]


class RunToLaunch(BaseModel):
    """What to run."""

    model_config = ConfigDict(extra="forbid")

    workflow: str = Field(max_length=255)
    version: Version = None
    inputs: Inputs = Field(default_factory=dict)
    clusters: Clusters = Field(default_factory=dict)
    preset: str | None = Field(None, max_length=255, description="Inputs to start from.")
    title: Title = None


class RunAgain(BaseModel):
    """What is to be otherwise than in the run that is repeated."""

    model_config = ConfigDict(extra="forbid")

    inputs: Inputs = Field(default_factory=dict)
    clusters: Clusters = Field(default_factory=dict)
    version: Annotated[
        int | None, Field(ge=1, le=2**31, description="null: the version that it ran.")
    ] = None
    title: Title = None


_LAUNCHED: dict[int | str, dict[str, Any]] = {
    201: {
        "description": "The run, which lives by itself from now on.",
        "headers": {
            "Location": {"schema": {"type": "string"}},
            "Idempotency-Replayed": {
                "description": "true: an earlier request with this key has launched it.",
                "schema": {"type": "string"},
            },
        },
    }
}


@router.post(
    "",
    rule=Rule(Action.RUN_LAUNCH),
    status_code=201,
    response_model=Run,
    responses={**_LAUNCHED, **problems(404, 409, 422, 503)},
)
async def launch_run(
    asked: RunToLaunch, services: ServicesDep, caller: CallerDep, key: Key = None
) -> Response:
    """Launch a workflow; everything that can be checked is checked before anything is made."""
    installed = await _load(services, caller, asked.workflow, asked.version)
    launch = Launch(
        installed,
        by_todays_names(installed, asked.inputs),
        caller.name,
        services.uploads.finder(caller.name),
        asked.clusters,
        asked.preset,
        asked.title,
    )
    return await _launch(services, caller, launch, key)


@router.post(
    "/{number}/again",
    rule=Rule(Action.RUN_LAUNCH, of="run"),
    status_code=201,
    response_model=Run,
    responses={**_LAUNCHED, **problems(409, 422, 503)},
)
async def repeat_run(
    number: RunNumber,
    services: ServicesDep,
    caller: CallerDep,
    asked: RunAgain | None = None,
    key: Key = None,
) -> Response:
    """Launch a run with the inputs of an earlier one, and what is to be otherwise.

    Secrets are not kept: they are to be given again.
    """
    run = await find(number, services, caller)
    asked = asked or RunAgain()
    record = await anyio.to_thread.run_sync(lambda: folder_of(run, services).asked)
    if run.workflow is None:
        raise problem(
            409,
            "run-not-repeatable",
            thing=f"run {number}",
            cause="it is no run of a workflow: it was started from a script",
            next_step=f"towline run {run.script}",
        )
    version = asked.version or run.version or None
    installed = await _load(services, caller, run.workflow, version)
    launch = Launch(
        installed,
        merged(record.inputs or {}, asked.inputs),
        caller.name,
        services.uploads.finder(caller.name),
        {**asked_besides_form(installed, record), **asked.clusters},
        title=asked.title if asked.title is not None else run.title or None,
        again_of=number,
    )
    return await _launch(services, caller, launch, key)


async def _load(
    services: Services, caller: Caller, workflow: str, version: int | None
) -> Installed:
    caller.check(Action.WORKFLOW_RUN, caller.ref("workflow", workflow))
    found: Installed = await anyio.to_thread.run_sync(services.catalog.load, workflow, version)
    return found


async def _launch(services: Services, caller: Caller, launch: Launch, key: str | None) -> Response:
    if not caller.is_admin:
        for cluster in await anyio.to_thread.run_sync(used_clusters, launch):
            caller.check(Action.CLUSTER_USE, caller.ref("cluster", cluster))
    answer = await services.runs.launcher.launch(launch, key)
    number = answer.body["number"]
    headers = {"Location": f"{PREFIX}/runs/{number}"}
    if answer.repeated:
        headers["Idempotency-Replayed"] = "true"
    else:
        made = {"workflow": launch.installed.name, "version": launch.installed.version}
        target = ObjectRef("run", str(number), caller.name)
        await services.audit.record(caller, Action.RUN_LAUNCH.value, target, after=made)
    return JSONResponse(answer.body, answer.status, headers)


def by_todays_names(installed: Installed, inputs: dict[str, Any]) -> dict[str, Any]:
    """Return inputs whose keys may be those of 2022, ``section|param``, as the form has them."""
    if not any(SEPARATOR in name for name in inputs):
        return inputs
    return inputs_of_payload(installed.definition.inputs, inputs)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs laid over others; groups are merged, lists are not."""
    found = dict(below)
    for name, value in above.items():
        under = found.get(name)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            found[name] = merged(under, value)
        else:
            found[name] = value
    return found
