"""Turn what ``ssh`` said into the error that the user reads."""

from __future__ import annotations

from towline.errors import (
    DefinitionError,
    HostKeyUnknown,
    HostUnreachable,
    LoginNeeded,
    LoginRefused,
    TowlineError,
)
from towline.ssh.destination import Destination
from towline.ssh.quoting import quote
from towline.ssh.refusal import Refusal


def explain(refusal: Refusal, destination: Destination) -> TowlineError:
    """Return the error for a refusal, with the command that comes next."""
    step = refusal.remedy or _next_step(refusal.kind, destination)
    return refusal.kind(destination.thing, refusal.cause, step)


def login_command(destination: Destination) -> str:
    """Return what a user types to log in, and to accept a host key."""
    return f"towline cluster login {destination.name}"


def plain_ssh(destination: Destination) -> str:
    """Return what a user types to reach the host without Towline."""
    config = destination.config_file
    words = ["ssh", *(["-F", str(config)] if config else []), *destination.arguments()]
    return quote(*(word for word in words if word != "--"))


def _next_step(kind: type[TowlineError], destination: Destination) -> str:
    login = login_command(destination)
    steps: dict[type[TowlineError], str] = {
        HostKeyUnknown: f"compare the fingerprint with the site's, then accept it: {login}",
        LoginNeeded: login,
        LoginRefused: f"check user and key (ssh-add -l); if the key has a passphrase: {login}",
        HostUnreachable: f"check host, port, VPN and jump host: {plain_ssh(destination)}",
        DefinitionError: "correct the file that is named",
    }
    return steps.get(kind, login)
