"""The keys that say which Python environment and folder the workers have."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from towline.engine.definitions.values import Lines, OneLine


class EnvironmentKeys(BaseModel):
    """Which Python environment the workers have, and in which folder they work."""

    run_dir: OneLine | None = Field(
        None, description="Working folder of the apps on the cluster; kept after the run."
    )
    worker_init: Lines = Field((), description="Shell lines run on the node before the worker.")
    environment: Literal["sync", "existing"] | None = Field(
        None, description="Kind of Python environment; default: `existing` when one is named."
    )
    packages: tuple[str, ...] | None = Field(
        None, description="`sync`: only these packages and what they need."
    )
    exclude: tuple[str, ...] = Field((), description="`sync`: packages to leave out.")
    include: tuple[str, ...] = Field(
        (), description="`sync`: modules or packages to send along, by path from this file."
    )
    python: OneLine | None = Field(
        None, description="Interpreter on the cluster: a path, `3.11`, or `workspace` to send ours."
    )
    prefix: OneLine | None = Field(None, description="`existing`: folder of a venv or conda env.")
    conda_env: OneLine | None = Field(
        None, description="`existing`: name or folder of a conda env."
    )
    conda_dir: OneLine = Field("~/miniconda3", description="Conda's folder on the cluster.")
    install_conda: bool = Field(False, description="Build the environment from local_conda_yaml.")
    local_conda_yaml: OneLine | None = Field(None, description="environment.yml on the workspace.")
    modules: tuple[str, ...] = Field((), description="`existing`: modules to load.")
    env_root: OneLine | None = Field(None, description="Folder of environments on the cluster.")
    preflight: Literal["login", "compute", "off"] = Field(
        "login", description="Where the environment is tried before anything is submitted."
    )
