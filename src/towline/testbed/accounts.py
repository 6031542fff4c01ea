"""The text of a host's account files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from towline.testbed.spec import User

SYSTEM_USERS = ("root", "daemon", "nobody", "sshd", "munge", "slurm", "mysql", "sgeadmin", "condor")
_FIXED_GROUPS = {"root": 0, "daemon": 1, "tty": 5, "nogroup": 65534}


@dataclass(frozen=True)
class SystemAccount:
    """A daemon's account, as the packages created it."""

    line: str
    uid: int
    gid: int


def system_accounts(passwd: Path = Path("/etc/passwd")) -> dict[str, SystemAccount]:
    """Return those accounts of a Debian that the hosts' daemons need, by name."""
    accounts = {}
    for line in passwd.read_text().splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if name in SYSTEM_USERS:
            accounts[name] = SystemAccount(line, int(uid), int(gid))
    return accounts


def passwd_text(system: Mapping[str, SystemAccount], users: Sequence[User]) -> str:
    """Return ``/etc/passwd``."""
    lines = [account.line for account in system.values()]
    lines += [f"{u.name}:x:{u.uid}:{u.uid}:{u.name}:/home/{u.name}:/bin/bash" for u in users]
    return "\n".join(lines) + "\n"


def group_text(system: Mapping[str, SystemAccount], users: Sequence[User]) -> str:
    """Return ``/etc/group``."""
    groups = dict(_FIXED_GROUPS)
    groups |= {n: a.gid for n, a in system.items() if n not in ("nobody", "sshd")}
    groups |= {u.name: u.uid for u in users}
    return "".join(f"{name}:x:{gid}:\n" for name, gid in groups.items())


def shadow_text(system: Mapping[str, SystemAccount], users: Sequence[User]) -> str:
    """Return ``/etc/shadow``: no password fits, yet no account is locked."""
    names = [*system, *(u.name for u in users)]
    return "".join(f"{name}:*:19700:0:99999:7:::\n" for name in names)
