"""Write the disks of simulated hosts: their ``/etc``, ``/var`` and homes.

A host's folder holds ``disk/`` (what survives a power cycle), ``settings`` (shell assignments) and
``services`` (shell that starts the daemons); ``hostinit.sh`` makes a running host of it.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from towline.testbed import (
    accounting,
    accounts,
    command_faults,
    prepared_database,
    slurm_conf,
    sshd_conf,
)
from towline.testbed.spec import Cluster, Gate, Node, User

_FROM_THIS_MACHINE = (
    *("alternatives", "bash.bashrc", "ca-certificates.conf", "debian_version", "environment"),
    *("host.conf", "inputrc", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias"),
    *("localtime", "login.defs", "mime.types", "os-release", "profile", "profile.d", "protocols"),
    *("python3", "python3.11", "python3.12", "python3.13", "services", "shells", "skel"),
    *("ssl/certs/ca-certificates.crt", "ssl/openssl.cnf", "terminfo", "timezone"),
)

_NSSWITCH = "".join(
    f"{kind}: files\n"
    for kind in ("passwd", "group", "shadow", "hosts", "networks", "protocols", "services")
)

_MUNGED = """\
chown munge:munge /run/munge; chmod 755 /run/munge
setpriv --reuid=munge --regid=munge --clear-groups munged --foreground >/dev/null 2>&1 &
while [ ! -S /run/munge/munge.socket.2 ]; do sleep 0.02; done
"""
_SSHD = """\
/usr/sbin/sshd -D -e >/var/log/sshd.log 2>&1 &
while [ ! -s /run/sshd.pid ]; do sleep 0.02; done
"""
_SLURMCTLD = "/usr/sbin/slurmctld -D >/var/log/slurm/slurmctld.out 2>&1 &\n"
# Configless: a node owns nothing of Slurm but the munge key. A slurmd that finds no controller asks
# again after a whole second, and in the end gives up: so look before, and start it again.
_SLURMD = """\
(
  for try in $(seq 40); do
    bash -c ': >/dev/tcp/{server}/6817' 2>/dev/null && break
    sleep 0.05
  done
  until /usr/sbin/slurmd -D -b --conf-server {server}; do sleep 0.5; done
) >/var/log/slurm/slurmd.out 2>&1 &
"""


@dataclass(frozen=True)
class Keys:
    """What opens the hosts: the workspace's public key and the second factor."""

    authorized_key: str
    one_time_code: str


class DiskWriter:
    """Writes all hosts' folders under one root folder.

    Args:
        hosts_folder: gets one folder a host.
        keys: the logins' secrets.

    """

    def __init__(self, hosts_folder: Path, keys: Keys) -> None:
        self._root = hosts_folder
        self._keys = keys
        self._system = accounts.system_accounts()
        self._etc = hosts_folder / "etc-of-every-host"
        self._copy_etc()

    def write_gate(self, gate: Gate) -> None:
        """Write the bastion."""
        home = self._root / gate.name / "home"
        self._write_home(home, gate.user)
        disk = self._host(gate.name, (gate.user,), hosts="", home=home, services=_SSHD)
        self._write_sshd(disk, gate.name, sshd_conf.sshd_config(gate))

    def write_cluster(self, cluster: Cluster, homes: Path) -> None:
        """Write a cluster's controller, nodes and users' homes."""
        for user in cluster.users:
            self._write_home(homes, user)
        munge_key = secrets.token_bytes(1024)
        hosts = f"{cluster.controller_lan_address} {cluster.controller}\n"
        hosts += "".join(f"{n.address} {n.name}\n" for n in cluster.nodes)
        self._write_controller(cluster, homes, hosts, munge_key)
        for node in cluster.nodes:
            self._write_node(cluster, node, homes, hosts, munge_key)

    def keep_prepared_database(self, cluster: Cluster) -> None:
        """Keep what the controller has packed at its boot; call it when that is over."""
        prepared_database.keep(self._root / cluster.controller / "disk/var", cluster)

    def faults_folder(self, cluster: Cluster) -> Path:
        """Return where the controller's command faults are, as seen from here."""
        return self._root / cluster.controller / "disk" / command_faults.FAULTS_FOLDER[1:]

    def _write_controller(
        self, cluster: Cluster, homes: Path, hosts: str, munge_key: bytes
    ) -> None:
        services = _SSHD + _MUNGED
        services += accounting.services(cluster) if cluster.accounting else ""
        services += _SLURMCTLD
        disk = self._host(cluster.controller, cluster.users, hosts, homes, services)
        self._write_munge_key(disk, munge_key)
        self._write_sshd(disk, cluster.controller, sshd_conf.sshd_config(cluster))
        etc = disk / "etc"
        _write(etc / "one-time-code", self._keys.one_time_code, 0o600)
        _write(disk / "usr-local/sbin/check-one-time-code", sshd_conf.CHECK_ONE_TIME_CODE, 0o755)
        _write(etc / "slurm/slurm.conf", slurm_conf.slurm_conf(cluster))
        _write(etc / "slurm/gres.conf", slurm_conf.gres_conf(cluster))
        _write(etc / "slurm/cgroup.conf", slurm_conf.CGROUP_CONF)
        for command in command_faults.WRAPPED_COMMANDS:
            _write(disk / "usr-local/bin" / command, command_faults.wrapper(command), 0o755)
        self.faults_folder(cluster).mkdir(parents=True)
        if cluster.accounting:
            _write(etc / "mysql/my.cnf", accounting.MARIADB_CONF)
            _write(etc / "slurm/slurmdbd.conf", slurm_conf.slurmdbd_conf(cluster), 0o600)
            self._give(etc / "slurm/slurmdbd.conf", "slurm")
            prepared_database.copy_to(disk / "var", cluster)

    def _write_node(
        self, cluster: Cluster, node: Node, homes: Path, hosts: str, munge_key: bytes
    ) -> None:
        services = _MUNGED + _SLURMD.format(server=cluster.controller_lan_address)
        disk = self._host(node.name, cluster.users, hosts, homes, services, node.gpus)
        self._write_munge_key(disk, munge_key)

    def _host(
        self,
        name: str,
        users: Sequence[User],
        hosts: str,
        home: Path,
        services: str,
        gpus: int = 0,
    ) -> Path:
        folder = self._root / name
        disk = folder / "disk"
        for part in ("root", "opt", "tmp", *(f"usr-local/{p}" for p in ("bin", "sbin", "lib"))):
            (disk / part).mkdir(parents=True)
        (disk / "root").chmod(0o700)
        (disk / "tmp").chmod(0o1777)
        self._write_var(disk / "var")
        etc = disk / "etc"
        shutil.copytree(self._etc, etc, symlinks=True)
        _write(etc / "passwd", accounts.passwd_text(self._system, users))
        _write(etc / "group", accounts.group_text(self._system, users))
        _write(etc / "shadow", accounts.shadow_text(self._system, users), 0o640)
        _write(etc / "hostname", name + "\n")
        _write(etc / "hosts", f"127.0.0.1 localhost\n{hosts}")
        settings = {"HOST": name, "HOME_FOLDER": str(home), "FAKE_GPUS": str(gpus)}
        text = "".join(f"{key}={shlex.quote(value)}\n" for key, value in settings.items())
        _write(folder / "settings", text)
        _write(folder / "services", services)
        return disk

    def _write_var(self, var: Path) -> None:
        for part in ("log/slurm", "log/munge", "lib/slurm/ctld", "lib/slurm/d", "lib/munge"):
            (var / part).mkdir(parents=True)
        for part in ("tmp", "spool", "cache"):
            (var / part).mkdir()
        (var / "tmp").chmod(0o1777)
        (var / "run").symlink_to("/run")
        (var / "lock").symlink_to("/run/lock")
        for part in ("log/slurm", "lib/slurm", "lib/slurm/ctld"):
            self._give(var / part, "slurm")
        for part in ("log/munge", "lib/munge"):
            self._give(var / part, "munge")
            (var / part).chmod(0o700)

    def _write_munge_key(self, disk: Path, key: bytes) -> None:
        folder = disk / "etc/munge"
        folder.mkdir(mode=0o700)
        (folder / "munge.key").write_bytes(key)
        (folder / "munge.key").chmod(0o400)
        self._give(folder / "munge.key", "munge")
        self._give(folder, "munge")

    def _write_sshd(self, disk: Path, name: str, config: str) -> None:
        folder = disk / "etc/ssh"
        _write(folder / "sshd_config", config)
        _write(folder / "banner", sshd_conf.BANNER)
        _write(disk / "etc/pam.d/sshd", sshd_conf.PAM_SSHD)
        make_key(folder / "ssh_host_ed25519_key", name)

    def _write_home(self, homes: Path, user: User) -> None:
        home = homes / user.name
        shutil.copytree("/etc/skel", home)
        home.chmod(0o750)
        if user.noisy:
            bashrc = home / ".bashrc"
            rest = bashrc.read_text() if bashrc.exists() else ""
            bashrc.write_text(sshd_conf.NOISY_BASHRC + rest)
        (home / ".ssh").mkdir(mode=0o700)
        _write(home / ".ssh/authorized_keys", self._keys.authorized_key, 0o600)
        for path in (home, *home.rglob("*")):
            os.lchown(path, user.uid, user.uid)

    def _give(self, path: Path, account: str) -> None:
        os.chown(path, self._system[account].uid, self._system[account].gid)

    def _copy_etc(self) -> None:
        for name in _FROM_THIS_MACHINE:
            source, target = Path("/etc") / name, self._etc / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_symlink():
                target.symlink_to(source.readlink())
            elif source.is_dir():
                shutil.copytree(source, target, symlinks=True)
            elif source.exists():
                shutil.copy(source, target)
        _write(self._etc / "nsswitch.conf", _NSSWITCH)
        _write(self._etc / "resolv.conf", "")


def make_key(path: Path, comment: str) -> None:
    """Make an ed25519 key pair without a passphrase."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
