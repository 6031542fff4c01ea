"""A port on the controller's loopback whose connections come to a port on the workspace."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from towline.errors import CommandTimedOut, ConnectionDropped, SiteError
from towline.ssh.destination import Destination

_SECONDS = 20.0


@contextmanager
def forwarded(socket: str, destination: Destination, local_port: int) -> Iterator[int]:
    """Yield the controller's port; it is closed, for everybody, when the block ends.

    Args:
        socket: control socket of the shared connection.
        destination: where it leads, for messages.
        local_port: on ``127.0.0.1`` of the workspace.

    Raises:
        SiteError: the server there allows no forwarding.
        ConnectionDropped: the shared connection is gone.

    """
    rule = f"127.0.0.1:0:127.0.0.1:{local_port}"
    answer = _ask("forward", rule, socket, destination)
    words = answer.stderr.strip()
    if answer.returncode and "forwarding failed" in words:
        raise SiteError(destination.thing, "its sshd forbids port forwarding")
    if answer.returncode or not answer.stdout.strip().isdigit():
        raise ConnectionDropped(destination.thing, f"no port could be forwarded: {words}")
    try:
        yield int(answer.stdout)
    finally:
        with suppress(CommandTimedOut):  # with the connection the port is gone, too
            _ask("cancel", rule, socket, destination)


def _ask(
    command: str, rule: str, socket: str, destination: Destination
) -> subprocess.CompletedProcess[str]:
    options = ["-F", "none", "-S", socket.replace("%", "%%"), "-o", "LogLevel=ERROR"]
    try:
        return subprocess.run(
            ["ssh", *options, "-O", command, "-R", rule, destination.name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandTimedOut(
            destination.thing, f"ssh -O {command} found no end in {_SECONDS:.0f} s", "try again"
        ) from error
