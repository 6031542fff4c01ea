"""The keys that say how many blocks there are and how their workers are fed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field


class ScalingKeys(BaseModel):
    """How many blocks, and how their workers are fed and watched."""

    init_blocks: int = Field(1, ge=0, description="Blocks asked for at the start.")
    min_blocks: int = Field(0, ge=0, description="Blocks kept even when idle.")
    max_blocks: int = Field(1, ge=1, description="Blocks at most.")
    parallelism: float = Field(1.0, ge=0, le=1, description="Worker slots wanted a waiting task.")
    prefetch: Literal["auto"] | Annotated[int, Field(ge=0)] = Field(
        "auto",
        description="Tasks a node may hold beyond its workers; `auto`: many short ones, no long.",
    )
    heartbeat_threshold: int = Field(
        120, ge=10, description="Seconds of silence after which a node counts as lost."
    )
    interchange: Literal["auto", "workspace", "controller"] = Field(
        "auto",
        description="Where Parsl's interchange runs: on the workspace, or on the controller, where "
        "workers go on through an outage; `auto`: on a controller that is far away.",
    )
    compress: Literal["auto", "always", "never"] = Field(
        "auto",
        description="Send arguments and results over 256 kB compressed, where that makes them "
        "smaller; `auto`: to and from a controller that is far away.",
    )
