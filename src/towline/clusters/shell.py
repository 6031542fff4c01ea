"""The way to a cluster's controller: SSH, or this machine itself."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from towline.errors import CommandTimedOut, SiteError

if TYPE_CHECKING:
    from towline.clusters.definition import ClusterDefinition
    from towline.ssh import CommandResult


class Shell(Protocol):
    """Something that runs POSIX sh scripts on a controller, such as `towline.ssh.Connection`."""

    def run(
        self,
        script: str,
        *,
        input: bytes = b"",  # noqa: A002 - subprocess.run's word
        timeout: float = 60,
        check: bool = False,
    ) -> CommandResult:
        """Run a script and return what it answered within ``timeout`` seconds."""

    def argv(self, command: str) -> list[str]:
        """Return the local command that runs ``command`` there, its stdio as raw bytes."""

    def forwarded(self, local_port: int) -> AbstractContextManager[int]:
        """Open a port on the controller's loopback that leads to one of the workspace's."""


class LocalShell:
    """The machine that Towline runs on, as the controller of a cluster of type `local`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(
        self,
        script: str,
        *,
        input: bytes = b"",  # noqa: A002 - subprocess.run's word
        timeout: float = 60,
        check: bool = False,
    ) -> CommandResult:
        """Run a script with this machine's ``sh``.

        Raises:
            CommandTimedOut: it ran longer than ``timeout`` seconds and was ended.
            SiteError: ``check`` was asked for, and it failed.

        """
        from towline.ssh import CommandResult

        started = time.monotonic()
        # a session of its own: what the script has started can be ended with it
        process = subprocess.Popen(
            ["/bin/sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C"},
        )
        try:
            stdout, stderr = process.communicate(input, timeout)
        except subprocess.TimeoutExpired as error:
            raise CommandTimedOut(
                f"cluster {self.name}", f"a command on this machine took over {timeout:g} s"
            ) from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        if check and process.returncode:
            said = _text(stderr).strip() or f"exit code {process.returncode}"
            raise SiteError(f"cluster {self.name}", said)
        seconds = time.monotonic() - started
        return CommandResult(process.returncode, _text(stdout), _text(stderr), seconds)

    def argv(self, command: str) -> list[str]:
        """Return the argv of a process that runs ``command`` with this machine's ``sh``."""
        return ["/bin/sh", "-c", command]

    @contextmanager
    def forwarded(self, local_port: int) -> Iterator[int]:
        """Yield the port itself: it is on this machine already."""
        yield local_port


def _text(data: bytes) -> str:
    return data.decode(errors="backslashreplace")


def connect(definition: ClusterDefinition) -> Shell:
    """Return the way to a cluster's controller; nothing is opened yet."""
    if definition.here:
        return LocalShell(definition.name)
    from towline.ssh import Connection

    return Connection(definition.destination())
