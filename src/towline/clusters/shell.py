"""The way to a cluster's controller: SSH, or this machine itself."""

from __future__ import annotations

import subprocess
import time
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
        try:
            done = subprocess.run(
                ["/bin/sh", "-c", script],
                input=input,
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CommandTimedOut(
                f"cluster {self.name}", f"a command on this machine took over {timeout:g} s"
            ) from error
        if check and done.returncode:
            said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
            raise SiteError(f"cluster {self.name}", said)
        return CommandResult(done.returncode, done.stdout, done.stderr, time.monotonic() - started)


def connect(definition: ClusterDefinition) -> Shell:
    """Return the way to a cluster's controller; nothing is opened yet."""
    if definition.type == "local":
        return LocalShell(definition.name)
    from towline.ssh import Connection

    return Connection(definition.destination())
