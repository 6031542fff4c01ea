"""Write the disks of simulated hosts: their ``/etc``, ``/var`` and homes.

A host's folder holds ``disk/`` (what survives a power cycle), ``settings`` (shell assignments) and
``services`` (shell that starts the daemons); ``hostinit.sh`` makes a running host of it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from towline.testbed import (
    accounting,
    accounts,
    command_faults,
    condor_conf,
    gridengine_conf,
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

_FROM_TREE = (*_FROM_THIS_MACHINE, "condor", "default/gridengine")

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


@dataclass(frozen=True)
class Base:
    """What hosts are made of: this machine's Debian, or one in a root tree.

    Args:
        tree: empty for this machine.
        etc: the part of ``/etc`` that every host gets.
        system: the accounts of daemons.

    """

    tree: str
    etc: Path
    system: Mapping[str, accounts.SystemAccount]

    def give(self, path: Path, account: str) -> None:
        """Let a file belong to a daemon's account; to root where there is no such account."""
        if account in self.system:
            os.chown(path, self.system[account].uid, self.system[account].gid)


class DiskWriter:
    """Writes all hosts' folders under one root folder.

    Args:
        hosts_folder: gets one folder a host.
        keys: the logins' secrets.
        tree: the root tree of the clusters that are in one; empty when there are none.

    """

    def __init__(self, hosts_folder: Path, keys: Keys, tree: str = "") -> None:
        self._root = hosts_folder
        self._keys = keys
        self._machine = self._base("", "etc-of-every-host", _FROM_THIS_MACHINE)
        self._tree = self._base(tree, "etc-of-the-tree", _FROM_TREE) if tree else self._machine

    def _base(self, tree: str, name: str, files: Sequence[str]) -> Base:
        base = Base(tree, self._root / name, accounts.system_accounts(Path(f"{tree}/etc/passwd")))
        _copy_etc(Path(f"{tree}/etc"), base.etc, files)
        return base

    def _base_of(self, cluster: Cluster) -> Base:
        return self._tree if cluster.in_tree else self._machine

    def write_gate(self, gate: Gate) -> None:
        """Write the bastion."""
        home = self._root / gate.name / "home"
        self._write_home(home, gate.user)
        disk = self._host(
            self._machine, gate.name, (gate.user,), hosts="", home=home, services=_SSHD
        )
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
        base = self._base_of(cluster)
        services = _SSHD + _master_services(cluster)
        disk = self._host(base, cluster.controller, cluster.users, hosts, homes, services)
        self._write_sshd(disk, cluster.controller, sshd_conf.sshd_config(cluster))
        _write(disk / "etc/one-time-code", self._keys.one_time_code, 0o600)
        _write(disk / "usr-local/sbin/check-one-time-code", sshd_conf.CHECK_ONE_TIME_CODE, 0o755)
        for command in command_faults.WRAPPED_COMMANDS[cluster.scheduler]:
            _write(disk / "usr-local/bin" / command, command_faults.wrapper(command), 0o755)
        self.faults_folder(cluster).mkdir(parents=True)
        if cluster.scheduler == "slurm":
            self._write_slurm(base, disk, cluster, munge_key)
        elif cluster.scheduler == "gridengine":
            gridengine_conf.write_var(disk, Path(base.tree), cluster)
            for name, text in gridengine_conf.setup_files(cluster).items():
                _write(disk / "etc/sge-setup" / name, text)
        else:
            _write_condor(base, disk, cluster, None, munge_key)

    def _write_slurm(self, base: Base, disk: Path, cluster: Cluster, munge_key: bytes) -> None:
        etc = disk / "etc"
        _write_munge_key(base, disk, munge_key)
        _write(etc / "slurm/slurm.conf", slurm_conf.slurm_conf(cluster))
        _write(etc / "slurm/gres.conf", slurm_conf.gres_conf(cluster))
        _write(etc / "slurm/cgroup.conf", slurm_conf.CGROUP_CONF)
        if cluster.accounting:
            _write(etc / "mysql/my.cnf", accounting.MARIADB_CONF)
            _write(etc / "slurm/slurmdbd.conf", slurm_conf.slurmdbd_conf(cluster), 0o600)
            base.give(etc / "slurm/slurmdbd.conf", "slurm")
            prepared_database.copy_to(disk / "var", cluster)

    def _write_node(
        self, cluster: Cluster, node: Node, homes: Path, hosts: str, munge_key: bytes
    ) -> None:
        base = self._base_of(cluster)
        services = _node_services(cluster)
        disk = self._host(base, node.name, cluster.users, hosts, homes, services, node.gpus)
        if cluster.scheduler == "slurm":
            _write_munge_key(base, disk, munge_key)
        elif cluster.scheduler == "gridengine":
            gridengine_conf.write_var(disk, Path(base.tree), cluster)
        else:
            _write_condor(base, disk, cluster, node, munge_key)

    def _host(
        self,
        base: Base,
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
        _write_var(base, disk / "var")
        etc = disk / "etc"
        shutil.copytree(base.etc, etc, symlinks=True)
        _write(etc / "passwd", accounts.passwd_text(base.system, users))
        _write(etc / "group", accounts.group_text(base.system, users))
        _write(etc / "shadow", accounts.shadow_text(base.system, users), 0o640)
        _write(etc / "hostname", name + "\n")
        _write(etc / "hosts", f"127.0.0.1 localhost\n{hosts}")
        settings = {"HOST": name, "HOME_FOLDER": str(home), "FAKE_GPUS": str(gpus)}
        settings["TREE"] = base.tree
        text = "".join(f"{key}={shlex.quote(value)}\n" for key, value in settings.items())
        _write(folder / "settings", text)
        _write(folder / "services", services)
        return disk

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


def _master_services(cluster: Cluster) -> str:
    if cluster.scheduler == "gridengine":
        return gridengine_conf.master_services()
    if cluster.scheduler == "condor":
        return condor_conf.services()
    return _MUNGED + (accounting.services(cluster) if cluster.accounting else "") + _SLURMCTLD


def _node_services(cluster: Cluster) -> str:
    if cluster.scheduler == "gridengine":
        return gridengine_conf.node_services()
    if cluster.scheduler == "condor":
        return condor_conf.services()
    return _MUNGED + _SLURMD.format(server=cluster.controller_lan_address)


def _write_condor(
    base: Base, disk: Path, cluster: Cluster, node: Node | None, secret: bytes
) -> None:
    for name in condor_conf.FOLDERS:
        (disk / "var" / name).mkdir(parents=True)
        base.give(disk / "var" / name, condor_conf.ACCOUNT)
    _write(disk / "etc/condor/passwords.d/POOL", hashlib.sha256(secret).hexdigest(), 0o600)
    _write(disk / "etc/condor/config.d/50-testbed", condor_conf.condor_config(cluster, node))


def _write_var(base: Base, var: Path) -> None:
    for part in ("log/slurm", "log/munge", "lib/slurm/ctld", "lib/slurm/d", "lib/munge"):
        (var / part).mkdir(parents=True)
    for part in ("tmp", "spool", "cache"):
        (var / part).mkdir()
    (var / "tmp").chmod(0o1777)
    (var / "run").symlink_to("/run")
    (var / "lock").symlink_to("/run/lock")
    for part in ("log/slurm", "lib/slurm", "lib/slurm/ctld"):
        base.give(var / part, "slurm")
    for part in ("log/munge", "lib/munge"):
        base.give(var / part, "munge")
        (var / part).chmod(0o700)


def _write_munge_key(base: Base, disk: Path, key: bytes) -> None:
    folder = disk / "etc/munge"
    folder.mkdir(mode=0o700)
    (folder / "munge.key").write_bytes(key)
    (folder / "munge.key").chmod(0o400)
    base.give(folder / "munge.key", "munge")
    base.give(folder, "munge")


def _copy_etc(source: Path, target: Path, names: Sequence[str]) -> None:
    for name in names:
        there, here = source / name, target / name
        here.parent.mkdir(parents=True, exist_ok=True)
        if there.is_symlink():
            here.symlink_to(there.readlink())
        elif there.is_dir():
            shutil.copytree(there, here, symlinks=True)
        elif there.exists():
            shutil.copy(there, here)
    _write(target / "nsswitch.conf", _NSSWITCH)
    _write(target / "resolv.conf", "")


def make_key(path: Path, comment: str) -> None:
    """Make an ed25519 key pair without a passphrase."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
