"""Whether what the workspace would send can run on a cluster; asked before it is built."""

from __future__ import annotations

from towline.environments import standalone
from towline.environments.cluster_side import Facts
from towline.environments.compatibility import glibc_by_symbols, glibc_by_tags, version_of
from towline.environments.content import Content, Package
from towline.environments.interpreter import Workspace
from towline.errors import EnvironmentMismatch, InterpreterMissing


def interpreter_fits(facts: Facts, cluster: str) -> None:
    """Raise InterpreterMissing when the workspace's interpreter needs a newer C library."""
    needed = standalone.glibc_needed()
    if needed > version_of(facts.glibc or "0"):
        raise InterpreterMissing(
            f"cluster {cluster}",
            f"has no Python of the script's minor version, and the workspace's own needs glibc "
            f"{needed[0]}.{needed[1]}, but the cluster has {facts.glibc}",
            "install one there and give its path as python: /path/to/python",
        )


def packages_fit(content: Content, facts: Facts, cluster: str) -> None:
    """Raise EnvironmentMismatch, naming the package, when a compiled one cannot run there."""
    for package in content.packages:
        if package.compiled:
            _fits(package, content.workspace, facts, cluster)


def _fits(package: Package, workspace: Workspace, facts: Facts, cluster: str) -> None:
    name = f"{package.installed.name} {package.installed.version}"
    ours, theirs = (f"{side.system} {side.arch}" for side in (workspace, facts))
    if ours != theirs:
        raise EnvironmentMismatch(
            f"cluster {cluster}",
            f"{name} is compiled for {ours}, but the cluster is {theirs}",
            "use an environment that is there already: kind existing",
        )
    needed = glibc_by_tags(package.installed.wheel_tags) or glibc_by_symbols(package.compiled)
    if needed > version_of(facts.glibc or "0"):
        has = f"glibc {facts.glibc}" if facts.glibc else "a C library other than glibc"
        raise EnvironmentMismatch(
            f"cluster {cluster}",
            f"{name} needs glibc {needed[0]}.{needed[1]} or newer, but the cluster has {has}",
            f"install an older build of {package.installed.name} in the workspace, leave it out "
            "(exclude), or use an environment that is there already (kind existing)",
        )
