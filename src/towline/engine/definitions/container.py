"""The keys that say in which container the workers run."""

from __future__ import annotations

import shlex
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from towline.engine.definitions.values import OneLine


def _words(value: Any) -> Any:
    words = [value] if isinstance(value, str) else value
    if isinstance(words, list | tuple):
        for word in words:
            if isinstance(word, str) and set(word) & set("\n\r\0"):
                raise ValueError("must be one line")
    return tuple(shlex.split(value)) if isinstance(value, str) else value


def _binds(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(bind for bind in value.replace(",", " ").split(" ") if bind)
    return value


class ContainerKeys(BaseModel):
    """In which container the workers run."""

    container_image: OneLine | None = Field(
        None,
        description="Image: a path from this file is sent (`file:/…`: an absolute one); `/…` or "
        "`~/…` is on the cluster; `docker://…`, `library://…`, `oras://…` is pulled.",
    )
    container_def: OneLine | None = Field(
        None, description="Definition file, by path from this file: the image is built from it."
    )
    container_runtime: OneLine = Field(
        "auto",
        description="`auto` (Apptainer, then Singularity), `apptainer`, `singularity`, or a path "
        "on the cluster.",
    )
    container_binds: Annotated[tuple[OneLine, ...], BeforeValidator(_binds)] = Field(
        (), description="Folders of the cluster seen in the container: `SOURCE[:TARGET[:ro]]`."
    )
    container_gpu: Literal["none", "nv", "rocm"] = Field(
        "none", description="Bring NVIDIA's (`nv`) or AMD's (`rocm`) driver into the container."
    )
    container_options: Annotated[tuple[str, ...], BeforeValidator(_words)] = Field(
        (), description="More options of the runtime's `exec`."
    )
    create_singularity_container: bool | None = Field(
        None,
        description="Where both `container_def` and `container_image` are given: build the first, "
        "or use the second.",
    )
