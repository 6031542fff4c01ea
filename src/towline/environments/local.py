"""The workspace itself as a place for environments: the one that the script runs on.

It is made in the same way as on a cluster (locked, built, tried, switched in), only that commands
run here and nothing travels.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from towline import folders
from towline.clusters import LocalShell
from towline.environments.activation import of_prefix
from towline.environments.cluster_side import Report
from towline.environments.container_request import NOT_FOR_THE_SCRIPT
from towline.environments.environment import Environment
from towline.environments.interpreter import this_workspace
from towline.environments.realise import realise
from towline.environments.request import EnvironmentRequest
from towline.errors import DefinitionError, EnvironmentMismatch

WORKSPACE = "workspace"
"""What messages, and `towline env`, call this machine."""

BLOCK = "WORKSPACE"
"""The key of an executors file under which the script's own environment stands."""

IMPORT_SECONDS = 60.0

_START = """\
#!{shell}
# Start Python in its environment, as a job would. Made by Towline; not to be edited.
{activation}exec {python} "$@"
"""


@dataclass(frozen=True)
class LocalFacts:
    """What there is to know about this machine."""

    system: str
    arch: str
    glibc: str | None
    home: str
    root: str
    pythons: dict[str, str]
    kernel: str = ""


def local_facts() -> LocalFacts:
    """Return the facts about this machine; the only Python is the one that Towline stands on."""
    workspace = this_workspace()
    base = getattr(sys, "_base_executable", None) or sys.executable
    return LocalFacts(
        workspace.system,
        workspace.arch,
        workspace.glibc,
        str(Path.home()),
        str(folders.cache_folder() / WORKSPACE),
        {workspace.version: str(Path(base).resolve())},
        platform.release(),
    )


def workspace_environment(
    request: EnvironmentRequest, *, report: Report | None = None
) -> Environment:
    """Return the environment that the script will run on, made here when it is not there yet.

    Raises:
        DefinitionError: the request cannot be used.
        EnvironmentFault: it cannot be made, or lacks Parsl or Towline.

    """
    if request.kind == "sync":
        raise DefinitionError(
            BLOCK,
            "kind sync copies the Python that Towline runs on, and on that the script runs anyway",
            "give it a spec (env_spec), or name an environment (prefix, conda_env)",
        )
    if request.kind == "container":
        raise DefinitionError(BLOCK, *NOT_FOR_THE_SCRIPT)
    machine = LocalShell(WORKSPACE)
    asked = request.model_copy(update={"for_script": True})
    environment = realise(asked, machine, local_facts(), cluster=WORKSPACE, report=report)
    python = shlex.quote(environment.python)
    look = f"{environment.activation}\nexec {python} -c 'import parsl, towline'\n"
    answer = machine.run(f"cd /\n{look}", timeout=IMPORT_SECONDS)
    if answer.exit_code:
        words = answer.stderr.strip().splitlines()
        raise EnvironmentMismatch(
            BLOCK,
            f"the script would run on {environment.python}, which cannot import Parsl and "
            f"Towline: {words[-1] if words else f'exit code {answer.exit_code}'}",
            f"{python} -m pip install towline, or set kind uv: it brings both",
        )
    return environment


def start_program(environment: Environment) -> str:
    """Return what starts the environment's Python, activated as in a job.

    Its Python itself, where nothing but its folder on the PATH is missing without. A conda
    environment has variables and scripts of its packages; one that is there already may come with
    modules and lines of the user's.
    """
    if environment.kind == "sync" or environment.activation == of_prefix(environment.prefix):
        return environment.python
    text = _START.format(
        shell=shutil.which("bash") or "/bin/sh",
        activation=environment.activation,
        python=shlex.quote(environment.python),
    )
    folder = folders.cache_folder() / WORKSPACE / "starts"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"python-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    if not path.exists():
        unfinished = path.with_name(f"{path.name}.tmp.{os.getpid()}")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.chmod(0o700)
        unfinished.rename(path)
    return str(path)


def runs_on_workspace_environment() -> bool:
    """Return whether this process runs on an environment that was made for the workspace."""
    return Path(sys.prefix).is_relative_to(f"{local_facts().root}/envs")
