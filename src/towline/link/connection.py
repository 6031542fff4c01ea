"""What the link needs of the way to a controller; the ssh room's connection fits."""

from __future__ import annotations

from typing import Protocol


class CommandResult(Protocol):
    """What a remote command came to."""

    @property
    def exit_code(self) -> int:
        """Exit code of the script."""

    @property
    def stdout(self) -> str:
        """What it printed."""

    @property
    def stderr(self) -> str:
        """What it complained about."""


class Connection(Protocol):
    """One controller, reached by a shared connection."""

    def run(self, script: str, *, input: bytes = b"", timeout: float = 60.0) -> CommandResult:  # noqa: A002
        """Run POSIX sh text there with ``input`` on its stdin, at most ``timeout`` seconds.

        Raises:
            ReachError: when it did not run, or it is not known how it ended.

        """

    def argv(self, command: str) -> list[str]:
        """Return the argv of a process that runs ``command`` there, its stdio being pipes."""

    def reopen_argv(self) -> list[str]:
        """Return the argv of a process that makes the connection usable again: exit code 0."""
