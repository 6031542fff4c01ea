"""What it takes to have an environment on a cluster: the frame that every kind fills.

A kind turns a request into a `Plan`: layers, each a folder on the cluster that is filled from one
archive built in the workspace, and the environment that they make together. A kind that only uses
what is there has no layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from towline.environments.cluster_side import Connection, Facts, Report
from towline.environments.environment import Environment
from towline.environments.locks import Lock
from towline.environments.members import Member
from towline.environments.request import EnvironmentRequest

INTERPRETER = "python-"
PACKAGES = "packages-"
TOOL = "tool-"
IMAGE = "image-"
SHARED = (INTERPRETER, PACKAGES, TOOL, IMAGE)
"""How the names of layers begin that several environments stand on."""


Around = Callable[[Connection, Report], AbstractContextManager[Mapping[str, str]]]


@dataclass(frozen=True)
class Layer:
    """A folder on the cluster, and how its content is made in the workspace."""

    name: str
    """Folder below the folder of environments; named by content."""
    archive: str
    """Name of the archive it is filled from. Clusters that differ may share one archive."""
    fill: Callable[[Path], Iterable[Member]]
    """Make the content: write what must be written into an empty folder, return the files that are
    taken from where they lie. Raises EnvironmentBuildFailed."""
    fits: Callable[[], None] = lambda: None
    """Raise EnvironmentFault when the content cannot run there; asked before it is built."""
    finish: str = ""
    """POSIX sh text run there in the unpacked folder; fails when the layer is of no use."""
    around: Around | None = None
    """Runs around the push, and gives the environment variables that `finish` sees."""
    advice: str = ""
    """What to do when `finish` fails; empty: to send the workspace's interpreter along."""
    patience: int = 0
    """Seconds for which `finish` may work without a word."""
    only_for: str = ""
    """Name of the layer that it is needed for, while that one is being made; empty: for all."""


@dataclass(frozen=True)
class OwnWayLayer:
    """A folder on the cluster that is filled in its kind's own way."""

    name: str
    """Folder below the folder of environments; named by content."""
    bring: Callable[[Connection, str, str, Report], None]
    """Fill it and switch it in: takes the connection, the folder of environments, the cluster's
    name and the report. Raises as `push` does."""
    fits: Callable[[], None] = lambda: None
    """Raise EnvironmentFault when it cannot run there; asked before anything is made."""
    only_for: str = ""
    """As in `Layer`."""


@dataclass(frozen=True)
class Plan:
    """An environment, and the layers that must be there first."""

    environment: Environment
    layers: tuple[Layer | OwnWayLayer, ...] = ()
    """In the order of their need; the last one is the environment's own folder."""
    lock: Lock | None = None
    """What the request came to, as it is stored; None: the kind has none."""
    afterwards: str = ""
    """POSIX sh text run there once all is in place; what it answers is told, and is no error."""


Planner = Callable[[EnvironmentRequest, Facts, str], Plan]
"""A kind: takes the request, the cluster's facts and the cluster's name for messages."""
