"""What this machine must have before it can carry a testbed."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from enum import Enum
from functools import cache
from pathlib import Path

_PACKAGE_OF_PROGRAM = {
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "munged": "munge",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "ip": "iproute2",
    "nft": "nftables",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
}
_PACKAGE_OF_ACCOUNTING_PROGRAM = {"slurmdbd": "slurmdbd", "mariadbd": "mariadb-server"}
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # not on every user's PATH


class Way(Enum):
    """How the testbed's namespaces are made; the value is the start of the command."""

    AS_ROOT = ("unshare",)
    ROOTLESS = ("unshare", "--user", "--map-auto", "--map-root-user")


def way() -> Way:
    """Return the way for the user who asks."""
    return Way.AS_ROOT if os.geteuid() == 0 else Way.ROOTLESS


def search_path() -> str:
    """Return PATH with the system folders, where some of the programs are."""
    return f"{os.environ.get('PATH', '/usr/bin:/bin')}:{_SBIN}"


def missing_packages(accounting: bool = False) -> list[str]:
    """Return the Debian packages to install, sorted; empty when none is missing."""
    wanted = dict(_PACKAGE_OF_PROGRAM)
    if accounting:
        wanted |= _PACKAGE_OF_ACCOUNTING_PROGRAM
    if way() is Way.ROOTLESS:
        wanted["newuidmap"] = "uidmap"
    path = search_path()
    return sorted(
        {package for program, package in wanted.items() if not shutil.which(program, path=path)}
    )


def install_line(accounting: bool = False) -> str:
    """Return the command that installs what is missing; empty when nothing is."""
    packages = missing_packages(accounting)
    as_root = "" if os.geteuid() == 0 else "sudo "
    return (
        f"{as_root}apt-get install -y --no-install-recommends {' '.join(packages)}"
        if packages
        else ""
    )


def what_is_missing(accounting: bool = False) -> list[str]:
    """Return a sentence for each thing that keeps a testbed from running here; empty: none."""
    if platform.system() != "Linux":
        return ["a testbed needs Linux; run it in a Linux virtual machine or container"]
    if line := install_line(accounting):
        return [f"not installed: {', '.join(missing_packages(accounting))}; type: {line}"]
    if way() is Way.ROOTLESS and not _has_subordinate_ids():
        user = _user_name()
        return [
            f"user {user} has no range of at least 65536 ids in /etc/subuid and /etc/subgid; "
            f"type: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}"
        ]
    return [refused] if (refused := _namespaces_refused(way())) else []


@cache
def _namespaces_refused(how: Way) -> str:
    command = [*how.value, "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
    tried = subprocess.run(
        [*command, "mount", "-t", "proc", "proc", "/proc"],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": search_path()},
    )
    if tried.returncode == 0:
        return ""
    return (
        f"the kernel refuses namespaces ({tried.stderr.strip()}); in a container, start it with "
        "--cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt apparmor=unconfined; "
        "as an ordinary user, unprivileged user namespaces must be allowed"
    )


def _user_name() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


def _has_subordinate_ids() -> bool:
    names = {_user_name(), str(os.getuid())}
    for table in ("/etc/subuid", "/etc/subgid"):
        try:
            lines = Path(table).read_text().splitlines()
        except OSError:
            return False
        ranges = [line.split(":") for line in lines if line.count(":") == 2]
        if not any(owner in names and int(size) >= 65536 for owner, _, size in ranges):
            return False
    return True
