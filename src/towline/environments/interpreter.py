"""Which Python an environment on the cluster stands on."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

from towline.environments.cluster_side import Facts, on_cluster
from towline.environments.request import OWN_INTERPRETER, EnvironmentRequest
from towline.errors import EnvironmentMismatch, InterpreterMissing


@dataclass(frozen=True)
class Workspace:
    """The running interpreter, as far as copies of it must fit another machine."""

    version: str
    implementation: str
    system: str
    arch: str
    glibc: str
    """Version of the C library; empty where it is another one."""

    @property
    def minor(self) -> str:
        """Return the version that byte-code depends on, as in ``"3.11"``."""
        return ".".join(self.version.split(".")[:2])


@dataclass(frozen=True)
class Interpreter:
    """A Python on the cluster, or the workspace's own to be sent there."""

    path: str
    """Absolute path on the cluster; empty: send the workspace's own."""

    @property
    def sent(self) -> bool:
        """Return whether the workspace's own is sent."""
        return not self.path


def this_workspace() -> Workspace:
    """Return what is to be known about the running interpreter."""
    library, version = platform.libc_ver()
    return Workspace(
        version=platform.python_version(),
        implementation=platform.python_implementation(),
        system=platform.system(),
        arch=platform.machine(),
        glibc=version if library == "glibc" else "",
    )


def choose(
    request: EnvironmentRequest, facts: Facts, workspace: Workspace, cluster: str
) -> Interpreter:
    """Return the Python to use: the one asked for, else one of the same minor, else our own.

    Raises:
        EnvironmentMismatch: another minor is asked for than the script runs on.
        InterpreterMissing: there is none of this minor, and our own cannot run there.

    """
    minor = workspace.minor
    if request.python_minor not in (None, minor):
        raise EnvironmentMismatch(
            f"cluster {cluster}",
            f"python {request.python_minor} is asked for, but the script runs on "
            f"{workspace.version}, and functions cannot cross minor versions",
            f"set python: {minor}, or start the script with Python {request.python_minor}",
        )
    if request.python_path is not None:
        return Interpreter(on_cluster(request.python_path, facts))
    if request.python != OWN_INTERPRETER and (there := _of_minor(minor, facts.pythons)):
        return Interpreter(there)
    obstacle = why_not_sent(facts, workspace)
    if obstacle:
        raise InterpreterMissing(
            f"cluster {cluster}", _missing(minor, facts, obstacle), _advice(minor, facts)
        )
    return Interpreter("")


def why_not_sent(facts: Facts, workspace: Workspace) -> str:
    """Return why the workspace's interpreter would not run there; empty when it would.

    Whether the cluster's C library is new enough shows only in the built files: see `standalone`.
    """
    ours = f"{workspace.system} {workspace.arch}"
    theirs = f"{facts.system} {facts.arch}"
    if ours != theirs or workspace.system != "Linux":
        return f"the workspace is {ours}, the cluster {theirs}"
    if not workspace.glibc or not facts.glibc:
        side = "the cluster's" if workspace.glibc else "the workspace's"
        return f"{side} C library is not glibc"
    return ""


def _of_minor(minor: str, pythons: dict[str, str]) -> str | None:
    fitting = [
        path for version, path in pythons.items() if version.split(".")[:2] == minor.split(".")
    ]
    return fitting[0] if fitting else None


def _missing(minor: str, facts: Facts, obstacle: str) -> str:
    found = ", ".join(sorted(facts.pythons)) or "none"
    return (
        f"has no Python {minor}, which the script runs on (found: {found}), "
        f"and the workspace's own cannot be sent: {obstacle}"
    )


def _advice(minor: str, facts: Facts) -> str:
    others = sorted({".".join(version.split(".")[:2]) for version in facts.pythons})
    install = f"install Python {minor} there and give its path as python: /path/to/python{minor}"
    return (
        f"{install}, or start the script with Python {' or '.join(others)}" if others else install
    )


def running_minor() -> str:
    """Return the running interpreter's version as in ``"3.11"``."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"
