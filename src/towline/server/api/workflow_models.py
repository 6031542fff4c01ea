"""Workflows as the API shows and takes them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from towline.workflows import Installed

WorkflowName = Annotated[str, Path(max_length=64, description="The workflow's name.")]
PresetName = Annotated[str, Path(max_length=64, description="The preset's name.")]
Version = Annotated[
    int | None, Query(ge=1, le=2**31, description="Which version; default: the newest.")
]


class SourceInfo(BaseModel):
    """Where a version was taken from."""

    kind: Literal["path", "git", "archive"]
    where: str = Field(description="Folder, URL, or the archive's file name.")
    ref: str = ""
    commit: str = Field("", description="What the ref was then; the version is pinned to it.")
    folder: str = ""


class WorkflowInfo(BaseModel):
    """A version of a workflow."""

    name: str
    version: int
    title: str
    description: str
    tags: list[str]
    digest: str = Field(description="SHA-256 of all its files.")
    installed_at: datetime
    source: SourceInfo
    owner: str | None = Field(description="Null: it belongs to the administrators.")
    presets: list[str] = Field(description="Its own; /presets has yours as well.")
    outputs: list[str]
    has_readme: bool
    has_thumbnail: bool


class WorkflowDetails(WorkflowInfo):
    """A version of a workflow, in full."""

    definition: dict[str, Any] = Field(description="The keys of its workflow.yaml, all of them.")


class WorkflowToInstall(BaseModel):
    """Where a workflow is to be taken from: one of git and path. An archive is sent as a form."""

    model_config = ConfigDict(extra="forbid")

    git: str | None = Field(
        None, max_length=2000, description="URL of a repository: https, http, ssh or git."
    )
    ref: str = Field("", max_length=255, description="Branch, tag or commit; empty: its default.")
    folder: str = Field("", max_length=1000, description="The workflow's folder in the repository.")
    path: str | None = Field(
        None, max_length=4000, description="Folder on the server's machine; for administrators."
    )
    name: str | None = Field(
        None, max_length=64, description="What it is called here; default: the source's name."
    )

    @model_validator(mode="after")
    def _one_source(self) -> WorkflowToInstall:
        if (self.git is None) == (self.path is None):
            raise ValueError("give one of git and path, or send an archive as multipart/form-data")
        if self.path is not None and (self.ref or self.folder):
            raise ValueError("ref and folder are for git")
        return self


class InputsToCheck(BaseModel):
    """Inputs that are to be checked; nothing is launched."""

    model_config = ConfigDict(extra="forbid")

    inputs: dict[str, Any] = Field(default_factory=dict)
    clusters: dict[str, str] = Field(
        default_factory=dict, description="Executor label: cluster, in place of the form's choice."
    )
    preset: str | None = Field(None, max_length=64)


class CheckedInputsInfo(BaseModel):
    """Inputs that fit, typed and with their defaults; a secret is ``{"secret": true}``."""

    inputs: dict[str, Any]
    version: int


class PresetInfo(BaseModel):
    """A named set of inputs."""

    name: str
    own: bool = Field(description="Yours; else it came with the workflow.")
    inputs: dict[str, Any]


class PresetToKeep(BaseModel):
    """Inputs to keep under a name; they need not be complete, and may hold no secret."""

    model_config = ConfigDict(extra="forbid")

    inputs: dict[str, Any]


def info(workflow: Installed, owner: str | None) -> WorkflowInfo:
    """Return a version as the API shows it."""
    return WorkflowInfo(
        name=workflow.name,
        version=workflow.version,
        title=workflow.title,
        description=workflow.definition.description,
        tags=list(workflow.definition.tags),
        digest=workflow.digest,
        installed_at=datetime.fromtimestamp(workflow.installed_at, timezone.utc),
        source=SourceInfo.model_validate(workflow.source.as_dict()),
        owner=owner,
        presets=list(workflow.definition.presets),
        outputs=list(workflow.definition.outputs),
        has_readme=workflow.readme is not None,
        has_thumbnail=workflow.thumbnail is not None,
    )


def details(workflow: Installed, owner: str | None) -> WorkflowDetails:
    """Return a version in full as the API shows it."""
    definition = workflow.definition.model_dump(mode="json", by_alias=True)
    return WorkflowDetails(**dict(info(workflow, owner)), definition=definition)
