"""What this room needs of a cluster: a way to run commands, and facts about its controller."""

from __future__ import annotations

import shlex
from collections import defaultdict
from contextlib import AbstractContextManager
from importlib import resources
from typing import Any, Protocol

from towline.errors import DefinitionError


class Connection(Protocol):
    """The way to a controller; `towline.ssh.Connection` is one."""

    def run(self, script: str, *, timeout: float = 60) -> Any:
        """Run POSIX sh text there; return exit_code, stdout and stderr."""
        ...

    def argv(self, command: str) -> list[str]:
        """Return the local command that runs `command` there, its standard streams raw bytes."""
        ...

    def forwarded(self, local_port: int) -> AbstractContextManager[int]:
        """Open a port on the controller's loopback that leads to one of the workspace's."""
        ...


class Facts(Protocol):
    """The facts about a controller that this room reads; as in `towline.clusters`."""

    @property
    def system(self) -> str:
        """``Linux``, as uname says."""
        ...

    @property
    def arch(self) -> str:
        """``x86_64``, as uname says."""
        ...

    @property
    def glibc(self) -> str | None:
        """``2.36``; empty or None where the C library is another one."""
        ...

    @property
    def home(self) -> str:
        """The home folder, absolute, with links followed."""
        ...

    @property
    def pythons(self) -> dict[str, str]:
        """Version, as in ``3.11.2``: absolute path."""
        ...


class Report(Protocol):
    """Takes what is going on, for the run's events."""

    def __call__(self, event: str, **facts: Any) -> None:
        """Report one thing that happened."""
        ...


def silent(event: str, **facts: Any) -> None:
    """Report nothing."""


def program(name: str, /, **values: str) -> str:
    """Return a shell program of this room, each value set as a shell variable in front of it."""
    text = resources.files("towline.environments").joinpath("shell", f"{name}.sh")
    settings = [f"{key}={shlex.quote(value)}\n" for key, value in values.items()]
    return "".join(settings) + text.read_text(encoding="utf-8")


def marked(output: str | bytes) -> dict[str, list[str]]:
    """Return the ``@@name=value`` lines of an answer; noise of the login is passed over."""
    text = output.decode(errors="replace") if isinstance(output, bytes) else output
    answer: dict[str, list[str]] = defaultdict(list)
    for line in text.splitlines():
        name, equals, value = line.partition("@@")[2].partition("=")
        if equals:
            answer[name].append(value)
    return answer


def on_cluster(path: str, facts: Facts) -> str:
    """Return a path of a definition as an absolute path there: ``~`` is the user's home there."""
    if path == "~" or path.startswith("~/"):
        return facts.home.rstrip("/") + path[1:]
    if not path.startswith("/"):
        raise DefinitionError(path, "is not a path on the cluster: it starts with / or ~/")
    return path.rstrip("/") or "/"


def environments_folder(root: str | None, facts: Facts) -> str:
    """Return the absolute folder of environments on the cluster."""
    if root is not None:
        return on_cluster(root, facts)
    towline_folder: str = getattr(facts, "root", "") or on_cluster("~/.towline", facts)
    return f"{towline_folder}/envs"
