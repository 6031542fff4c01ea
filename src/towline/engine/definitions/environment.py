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
    environment: Literal["auto", "sync", "existing", "uv", "conda", "container"] | None = Field(
        None,
        description="Kind of Python environment; default (and `auto`): `container` when an "
        "image or a definition file is named, `existing` when one is, else what `env_spec` is, "
        "else `sync`.",
    )
    env_spec: OneLine | None = Field(
        None,
        description="File that says what is in the environment, by path from this file. `uv`: "
        "requirements, `pyproject.toml`, or a script with a PEP 723 header. `conda`: "
        "environment.yml. `container`: a definition file (.def) or an image (.sif).",
    )
    env_update: Literal["missing", "relock", "never"] = Field(
        "missing",
        description="When the spec is locked: when it has no lock yet, anew at every start, or "
        "never (no lock is an error).",
    )
    env_transport: Literal["auto", "push", "proxy", "direct"] = Field(
        "auto",
        description="`push` (and `auto`): installed in the workspace and sent. `proxy`: the "
        "cluster installs through the SSH connection. `direct`: it has internet.",
    )
    env_parsl: Literal["inject", "require", "ignore"] = Field(
        "inject",
        description="Add the script's Parsl to the spec, demand that the spec pins it, or leave "
        "that to the pre-flight.",
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
        None,
        description="`existing`: name or folder of a conda env. `conda`: the same, as a link.",
    )
    conda_dir: OneLine = Field("~/miniconda3", description="Conda's folder on the cluster.")
    install_conda: bool = Field(
        False, description="`conda`: make the environment of `local_conda_yaml`."
    )
    local_conda_yaml: OneLine | None = Field(
        None, description="`conda`: environment.yml, by path from this file."
    )
    virtual_packages: tuple[str, ...] = Field(
        (),
        description="`conda`: what nodes have and the controller has not, such as `__cuda=12.4`; a "
        "name alone: nodes do not have it.",
    )
    modules: tuple[str, ...] = Field(
        (), description="Modules to load first: `existing`, `container`."
    )
    env_root: OneLine | None = Field(None, description="Folder of environments on the cluster.")
    preflight: Literal["login", "compute", "off"] = Field(
        "login", description="Where the environment is tried before anything is submitted."
    )
