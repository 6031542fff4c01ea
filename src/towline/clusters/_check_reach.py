"""The doctor's steps on the way to the controller."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from towline.clusters._ssh_config import resolved_options
from towline.clusters._visit import Finding, Visit
from towline.clusters.check_step import Status
from towline.clusters.facts_cache import keep_last_known, recall_facts, remember_facts
from towline.clusters.probe import probe
from towline.clusters.shell import LocalShell
from towline.errors import DefinitionError

if TYPE_CHECKING:
    from towline.ssh import Connection

CONFIGURATION_SECONDS = 10
OPEN_SECONDS = 30
QUIET_SECONDS = 20


def connection(visit: Visit) -> Connection:
    """Return the visit's shell as the SSH connection that it is unless the type is `local`."""
    from towline.ssh import Connection

    if not isinstance(visit.shell, Connection):
        raise TypeError(f"cluster {visit.definition.name} is not reached by SSH")
    return visit.shell


def look_at_definition(visit: Visit) -> Finding:
    """Check what can be checked of the definition without the network."""
    definition = visit.definition
    for key in ("identity_file", "ssh_config"):
        path = getattr(definition, key)
        if path and not os.access(Path(path).expanduser(), os.R_OK):
            raise DefinitionError(visit.thing, f"{key} {path} cannot be read", f"ls -l {path}")
    where = f"host {definition.host}" if definition.host else "this machine"
    return Finding(f"type {definition.type}, {where}")


def look_at_ssh_configuration(visit: Visit) -> Finding:
    """Show what ssh makes of the host: `ssh -G` reads the configuration and connects to nothing."""
    destination = visit.definition.destination()
    config = ["-F", str(destination.config_file)] if destination.config_file else []
    argv = ["ssh", "-G", *config, *destination.arguments()]
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=CONFIGURATION_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError as error:
        raise DefinitionError(
            "ssh", "OpenSSH's client is not on PATH", "install openssh-client"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise DefinitionError(
            "ssh configuration",
            f"ssh has not read it within {CONFIGURATION_SECONDS} s (a 'Match exec' that hangs?)",
            shlex.join(argv),
        ) from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["ssh -G failed"]
        raise DefinitionError("ssh configuration", said[-1], shlex.join(argv))
    options = resolved_options(done.stdout)
    detail = f"{options.get('user', '?')}@{options.get('hostname', '?')}"
    if options.get("port") != "22":
        detail += f" port {options.get('port')}"
    jump = options.get("proxyjump", "none")
    if jump != "none":
        detail += f" through {jump}"
    elif options.get("proxycommand", "none") != "none":
        detail += " through a ProxyCommand"
    return Finding(detail)


def look_at_connection(visit: Visit) -> Finding:
    """Open the shared connection: network, host key and log-in."""
    if isinstance(visit.shell, LocalShell):
        return Finding("this machine; no connection is needed")
    ssh = connection(visit)
    if ssh.is_open():
        return Finding("the shared connection is open")
    ssh.open(timeout=OPEN_SECONDS, fresh=True)
    return Finding("host key known, logged in")


def look_at_quiet_shell(visit: Visit) -> Finding:
    """Find out whether start-up files print something: it breaks scp, rsync and sftp."""
    try:
        done = subprocess.run(
            connection(visit).argv("true"),
            capture_output=True,
            timeout=QUIET_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Finding(
            f"a command that does nothing took over {QUIET_SECONDS} s",
            Status.WARN,
            "look into the controller's ~/.bashrc for what waits or hangs",
        )
    noise = done.stdout.decode(errors="replace").strip()
    if not noise:
        return Finding("start-up files print nothing")
    return Finding(
        f"start-up files print to every command: {noise.splitlines()[0][:60]!r}",
        Status.WARN,
        "put what prints in the controller's ~/.bashrc below: case $- in *i*) ;; *) return;; esac",
    )


def look_at_system(visit: Visit) -> Finding:
    """Run the probe: one round trip that all later steps live on."""
    before = recall_facts(visit.definition)
    visit.facts = facts = keep_last_known(probe(visit.shell, visit.definition), before)
    remember_facts(visit.definition, facts)
    library = f", glibc {facts.glibc}" if facts.glibc else ", no glibc"
    return Finding(f"{facts.hostname}: {facts.system} {facts.kernel} {facts.arch}{library}")
