"""What the workspace gets: a key, known hosts and an SSH configuration for every door."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from towline.testbed.spec import Cluster, Gate, Spec

SSH_CONFIG = Path("ssh_config")
ONE_TIME_CODE = Path("workspace/one-time-code")
_CONNECT = Path(__file__).with_name("connect.py")

_DOOR = """\
Host {names}
  HostName {address}
  User {user}
  ProxyCommand {connect} {door} %h %p
  ProxyUseFdpass yes

"""

_THROUGH_GATE = """\
Host {names}
  ProxyJump {gate}

"""

_EVERYWHERE = """\
Host *
  IdentityFile {identity}
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {known_hosts}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  UpdateHostKeys no
  ConnectTimeout 10
"""


def write(folder: Path, spec: Spec, one_time_code: str) -> None:
    """Write the files; the hosts' keys must be on their disks already."""
    workspace = folder / "workspace"
    (folder / SSH_CONFIG).write_text(ssh_config(folder, spec))
    (workspace / "known_hosts").write_text(_known_hosts(folder, spec))
    code = folder / ONE_TIME_CODE
    code.touch(mode=0o600)
    code.write_text(one_time_code)


def ssh_config(folder: Path, spec: Spec) -> str:
    """Return the configuration for ``ssh -F``: a Host for every door, straight and through gate."""
    connect = [sys.executable, "-I", "-S", str(_CONNECT), str(folder)]
    command = " ".join(shlex.quote(part) for part in connect).replace("%", "%%")
    aliases = " ".join(f"{c.name}-via-{spec.gate.name}" for c in spec.clusters)
    text = _THROUGH_GATE.format(names=aliases, gate=spec.gate.name)
    for cluster in spec.clusters:
        names = f"{cluster.name} {cluster.name}-via-{spec.gate.name}"
        user = cluster.users[0].name
        text += _DOOR.format(
            names=names, address=cluster.address, user=user, connect=command, door=cluster.name
        )
    gate = spec.gate
    text += _DOOR.format(
        names=gate.name,
        address=gate.address,
        user=gate.user.name,
        connect=command,
        door=gate.name,
    )
    return text + _EVERYWHERE.format(
        identity=_quoted(folder / "workspace/id_ed25519"),
        known_hosts=_quoted(folder / "workspace/known_hosts"),
    )


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("%", "%%") + '"'


def _known_hosts(folder: Path, spec: Spec) -> str:
    doors: list[tuple[str, Cluster | Gate]] = [(c.controller, c) for c in spec.clusters]
    doors.append((spec.gate.name, spec.gate))
    lines = []
    for host, door in doors:
        public = folder / "hosts" / host / "disk/etc/ssh/ssh_host_ed25519_key.pub"
        kind, key, *_ = public.read_text().split()
        lines.append(f"{door.address} {kind} {key}\n")
    return "".join(lines)
