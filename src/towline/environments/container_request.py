"""What a user asks of a container: which image, and how it is started."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

ON_WORKSPACE = "file:"
"""How the name of an image begins that is a file of the workspace."""

RUNTIMES = ("apptainer", "singularity")
"""In the order in which they are looked for."""

REGISTRIES = ("docker://", "library://", "oras://")
"""How the name of an image begins that is pulled from the internet."""

NOT_FOR_THE_SCRIPT = (
    "the script cannot run in a container: it calls this machine's ssh with your keys and "
    "settings, and builds the executors' environments",
    "give the same packages as env_spec (conda or uv); an executor may have the container",
)
"""Cause and next step where a container is asked for to run the script in."""

_BIND = re.compile(r"(?:/|~/)[^:,]*(?::/[^:,]*(?::(?:ro|rw))?)?")
_PASSWORD = re.compile(r"://[^/@]*:[^/@]*@")


class ContainerRequest(BaseModel):
    """An image for Apptainer or Singularity, and how workers are started in it."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Container")

    image: str | None = Field(
        None,
        description="`file:/…`: on the workspace, sent. `/…` or `~/…`: on the cluster, used as it "
        "is. `docker://…`, `library://…`, `oras://…`: pulled.",
    )
    definition: str | None = Field(
        None, description="Definition file on the workspace, absolute: the image is built from it."
    )
    runtime: str = Field(
        "auto", description="`apptainer`, `singularity`, a path on the cluster, or `auto`."
    )
    binds: tuple[str, ...] = Field(
        (), description="Folders of the cluster seen inside: `SOURCE[:TARGET[:ro]]`."
    )
    gpu: Literal["none", "nv", "rocm"] = Field(
        "none", description="Bring NVIDIA's (`nv`) or AMD's (`rocm`) driver into the container."
    )
    options: tuple[str, ...] = Field((), description="More options of `exec`, a word each.")

    @field_validator("image")
    @classmethod
    def _image(cls, image: str | None) -> str | None:
        if image is None or image.startswith((f"{ON_WORKSPACE}/", "/", "~/")):
            return image
        if not image.startswith(REGISTRIES):
            raise ValueError(
                f"{image!r} is no image: a path, or a name that begins with {', '.join(REGISTRIES)}"
            )
        if _PASSWORD.search(image):
            raise ValueError("a password does not belong in an image's name: log the runtime in")
        return image

    @field_validator("runtime")
    @classmethod
    def _runtime(cls, runtime: str) -> str:
        if runtime not in ("auto", *RUNTIMES) and not runtime.startswith(("/", "~/")):
            raise ValueError(f"{runtime!r} is neither auto, {', '.join(RUNTIMES)}, nor a path")
        return runtime

    @field_validator("binds")
    @classmethod
    def _binds(cls, binds: tuple[str, ...]) -> tuple[str, ...]:
        for bind in binds:
            if not _BIND.fullmatch(bind):
                raise ValueError(f"{bind!r} is not SOURCE[:TARGET[:ro]] with paths on the cluster")
        return binds

    @field_validator("options")
    @classmethod
    def _options(cls, options: tuple[str, ...]) -> tuple[str, ...]:
        if any(set(option) & set("\n\r\0") for option in options):
            raise ValueError("an option must be one line")
        if options and not options[0].startswith("-"):
            raise ValueError(f"{options[0]!r} is no option: it does not begin with -")
        return options

    @model_validator(mode="after")
    def _one_source(self) -> ContainerRequest:
        if (self.image is None) == (self.definition is None):
            raise ValueError("a container needs either an image or a definition file")
        return self


def whole_image(image: str, folder: Path) -> str:
    """Return an image's name as a user writes it, its path whole where it is on the workspace.

    Args:
        image: a relative path, ``file:…``, a path on the cluster, or a name to pull.
        folder: from which relative paths start.

    """
    if image.startswith(("/", "~/")) or "://" in image:
        return image
    return f"{ON_WORKSPACE}{folder / Path(image.removeprefix(ON_WORKSPACE)).expanduser()}"
