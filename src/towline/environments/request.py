"""What a user asks of an environment."""

from __future__ import annotations

import re
import shlex
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from towline.environments.container_request import ContainerRequest

OWN_INTERPRETER = "workspace"
"""Value of `python` that sends the workspace's interpreter along, whatever the cluster has."""

_MINOR = re.compile(r"\d+\.\d+")


class EnvironmentRequest(BaseModel):
    """A Python environment as an executor definition asks for it."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Environment")

    kind: Literal["sync", "existing", "uv", "conda", "container"] = Field(
        "sync",
        description="`sync`: a copy of the workspace's packages. `existing`: one that is there "
        "already; it is checked, never changed. `uv`: made from `spec` with uv. `conda`: made from "
        "`spec`, an environment.yml. `container`: an image.",
    )
    container: ContainerRequest | None = Field(
        None, description="`container`: which image, and how it is started."
    )
    spec: str | None = Field(
        None,
        description="File that says what is in it, absolute. `uv`: requirements, pyproject.toml, "
        "or a script with a PEP 723 header. `conda`: environment.yml.",
    )
    update: Literal["missing", "relock", "never"] = Field(
        "missing",
        description="When a spec is locked: `missing`: when it has no lock yet; `relock`: anew; "
        "`never`: what is not locked is an error.",
    )
    transport: Literal["auto", "push", "proxy", "direct"] = Field(
        "auto",
        description="`push` (and `auto`): installed here and sent. `proxy`: the cluster installs "
        "through the SSH connection. `direct`: the cluster installs from the internet.",
    )
    parsl: Literal["inject", "require", "ignore"] = Field(
        "inject",
        description="`inject`: the script's Parsl is added to the spec. `require`: the spec must "
        "pin it. `ignore`: not looked at before the pre-flight.",
    )
    for_script: bool = Field(
        False, description="The script itself runs on it, so Towline goes along."
    )
    packages: tuple[str, ...] | None = Field(
        None, description="`sync`: only these packages and what they need."
    )
    exclude: tuple[str, ...] = Field((), description="`sync`: packages to leave out.")
    include: tuple[str, ...] = Field(
        (), description="`sync`: modules or packages beside the script to send along, by path."
    )
    python: str | None = Field(
        None,
        description="Interpreter on the cluster: a path, a version such as `3.11`, or `workspace` "
        "(send the workspace's own along). `sync` finds one when absent.",
    )
    prefix: str | None = Field(None, description="`existing`: folder of a venv or conda env.")
    conda_env: str | None = Field(
        None,
        description="`existing`: name or folder of a conda env. `conda`: where to "
        "put a link to it.",
    )
    conda_dir: str = Field("~/miniconda3", description="`existing`: conda's folder on the cluster.")
    modules: tuple[str, ...] = Field(
        (), description="Modules to load first: `gcc/12`, or a line such as `module use /opt/mods`."
    )
    init: tuple[str, ...] = Field((), description="Own shell lines, run after the modules.")
    virtual_packages: tuple[str, ...] = Field(
        (), description="`conda`: what nodes have and the controller has not: `__cuda=12.4`."
    )
    root: str | None = Field(
        None,
        description="Folder of environments on the cluster, seen by its nodes; default: `envs` in "
        "Towline's folder there.",
    )

    @field_validator("prefix", "conda_dir", "root")
    @classmethod
    def _absolute(cls, path: str | None) -> str | None:
        if path is not None and not path.startswith(("/", "~/")):
            raise ValueError(f"{path!r} is not a path on the cluster: it starts with / or ~/")
        return path

    @field_validator("modules")
    @classmethod
    def _modules(cls, modules: tuple[str, ...]) -> tuple[str, ...]:
        for module in modules:
            try:
                shlex.split(module)
            except ValueError as error:
                raise ValueError(f"{module!r} is no module: {str(error).lower()}") from error
        return modules

    @field_validator("python")
    @classmethod
    def _interpreter(cls, python: str | None) -> str | None:
        if python is None or python == OWN_INTERPRETER or _MINOR.fullmatch(python):
            return python
        if python.startswith(("/", "~/")):
            return python
        raise ValueError(f"{python!r} is neither a path, nor a version such as 3.11, nor workspace")

    @model_validator(mode="after")
    def _fits_kind(self) -> EnvironmentRequest:
        of_spec = self.kind in ("uv", "conda")
        if (self.kind == "container") != (self.container is not None):
            raise ValueError("kind container needs an image or a definition file, and only it has")
        if of_spec != (self.spec is not None):
            raise ValueError("kinds uv and conda are made from a spec: the two go together")
        if of_spec and (self.packages is not None or self.exclude):
            raise ValueError(
                "packages and exclude choose what kind sync copies; others have a spec"
            )
        if self.kind == "conda":
            self._fits_conda()
        elif self.kind != "existing" and (self.prefix or self.conda_env):
            raise ValueError("prefix and conda_env name an environment: they need kind existing")
        if self.kind == "existing":
            if self.packages is not None or self.exclude or self.include:
                raise ValueError("packages, exclude and include choose what kind sync copies")
            if self.prefix and self.conda_env:
                raise ValueError("prefix and conda_env name two environments: give one")
            if not (self.prefix or self.conda_env or self.python or self.modules or self.init):
                raise ValueError("kind existing needs prefix, conda_env, python, modules or init")
        return self

    def _fits_conda(self) -> None:
        if self.prefix:
            raise ValueError("prefix names an environment that is there: it needs kind existing")
        if self.python and self.python_minor is None:
            raise ValueError("python: the interpreter of kind conda comes from its channels")
        if self.transport == "proxy":
            raise ValueError("transport: conda environments are pushed, or made there (direct)")
        if self.for_script and self.transport == "direct":
            raise ValueError("transport: the script's own environment is made here (push)")

    @property
    def python_path(self) -> str | None:
        """Return the interpreter's path where `python` is one."""
        return self.python if self.python and self.python.startswith(("/", "~/")) else None

    @property
    def python_minor(self) -> str | None:
        """Return the version where `python` is one, as in ``"3.11"``."""
        return self.python if self.python and _MINOR.fullmatch(self.python) else None
