"""The ssh_config that Towline puts in front of the user's own.

In ssh_config the first value found wins, and ``ssh`` hands ``-F`` on to the ``ssh`` processes of
``ProxyJump``. So what stands here holds on every hop, and all else is as the user wrote it.
"""

from __future__ import annotations

import glob
import os
from pathlib import Path

from towline.errors import DefinitionError
from towline.ssh.destination import Destination

SYSTEM_CONFIG = Path("/etc/ssh/ssh_config")

_EVERY_HOP = """\
# Written by Towline for its own connections; the user's files follow below.
IgnoreUnknown RemoteCommand
Host *
  StrictHostKeyChecking {host_keys}
  BatchMode {batch}
  NoHostAuthenticationForLocalhost no
  ConnectTimeout 30
  ConnectionAttempts 1
  ServerAliveInterval 10
  ServerAliveCountMax 3
  ClearAllForwardings yes
  ForwardAgent no
  ForwardX11 no
  Tunnel no
  PermitLocalCommand no
  RemoteCommand none
  RequestTTY no
  LogLevel INFO
Match all
"""


def render_config(included: list[str], *, interactive: bool) -> str:
    """Return the text of the ssh_config for log-in (``interactive``) or for unattended use.

    Unattended, nothing is ever asked and an unknown host key is an error; at log-in OpenSSH
    itself shows the fingerprint and asks.
    """
    head = _EVERY_HOP.format(
        host_keys="ask" if interactive else "yes", batch="no" if interactive else "yes"
    )
    return head + "".join(f'Include "{path}"\n' for path in included)


def included_files(destination: Destination) -> list[str]:
    """Return the ``Include`` patterns of the user's configuration, in ssh's own order.

    Raises:
        DefinitionError: when the destination names a file that does not exist.

    """
    if destination.config_file is not None:
        path = destination.config_file.expanduser().absolute()
        if not path.is_file():
            raise DefinitionError(
                destination.thing,
                f"ssh configuration {path} does not exist",
                "correct config_file of the cluster",
            )
        return [glob.escape(str(path))]
    files = ["~/.ssh/config"]
    if _ssh_would_include(SYSTEM_CONFIG):
        files.append(str(SYSTEM_CONFIG))
    return files


def _ssh_would_include(path: Path) -> bool:
    """Say whether ssh accepts this file's owner and mode; it ends in an error otherwise."""
    try:
        about = path.stat()
    except OSError:
        return False
    return about.st_uid in (0, os.getuid()) and not about.st_mode & 0o022
