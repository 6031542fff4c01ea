"""Real sshd processes on 127.0.0.1, each with a remote home of its own, for the tests of this room.

They run as the user that runs the tests, without root, and touch nothing outside of their folder.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from towline.ssh import Destination

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
USER = pwd.getpwuid(os.getuid()).pw_name


def wait_until(condition: Any, what: str, seconds: float = 15.0) -> Any:
    """Return the first true value of ``condition()``; fail after the deadline, saying for what."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(0.02)
    return value


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """One sshd."""

    name: str
    port: int
    folder: Path
    host_key: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        """The remote home."""
        return self.folder / "home"

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return (self.folder / "log").read_text()

    def connections(self) -> int:
        """Return how many connections it has accepted."""
        return self.log.count("Connection from 127.0.0.1")

    def start(self) -> Server:
        """Start it (again), and wait until it listens."""
        assert SSHD
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        log.close()
        wait_until(self._listens, f"sshd {self.name} to listen")
        return self

    def stop(self) -> None:
        """Stop listening; sessions that run go on, as with a real sshd."""
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def _listens(self) -> bool:
        assert self.process and self.process.poll() is None, self.log
        return f"listening on 127.0.0.1 port {self.port}" in self.log


@dataclass
class Loopback:
    """A folder with keys, an ssh_config and the servers that it names."""

    folder: Path
    servers: dict[str, Server] = field(default_factory=dict)
    extra_config: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = make_key(self.folder / "id")
        self.known_hosts = self.folder / "known_hosts"
        self.config = self.folder / "ssh_config"

    def serve(
        self, name: str, *lines: str, known: bool = True, environment: str = "", **config: str
    ) -> Server:
        """Start an sshd under a name; ``lines`` are for sshd_config, ``config`` for ssh_config."""
        folder = self.folder / name
        (folder / "home").mkdir(parents=True)
        server = Server(name, free_port(), folder, make_key(folder / "host_key"))
        text = [
            *lines,
            f"Port {server.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {server.host_key}",
            "PidFile none",
            f"AuthorizedKeysFile {self.key}.pub",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PrintMotd no",
            "LogLevel VERBOSE",
            f"SetEnv HOME={server.home} {environment}",
        ]
        (folder / "sshd_config").write_text("\n".join(text) + "\n")
        self.servers[name] = server.start()
        options = {"HostName": "127.0.0.1", "Port": str(server.port), **config}
        self.extra_config += [f"Host {name}", *(f"  {key} {v}" for key, v in options.items())]
        self.write_config()
        if known:
            self.accept(server)
        return server

    def write_config(self) -> None:
        """Write ssh_config: the servers, then what holds for all."""
        text = [
            *self.extra_config,
            "Host *",
            f"  IdentityFile {self.key}",
            "  IdentitiesOnly yes",
            "  IdentityAgent none",
            f"  UserKnownHostsFile {self.known_hosts}",
            "  GlobalKnownHostsFile none",
        ]
        self.config.write_text("\n".join(text) + "\n")
        self.config.chmod(0o600)

    def accept(self, server: Server, key: Path | None = None) -> None:
        """Write a server's host key (or another) to known_hosts."""
        public = (key or server.host_key).with_suffix(".pub").read_text()
        with self.known_hosts.open("a") as file:
            file.write(f"[127.0.0.1]:{server.port} {public}")

    def destination(self, name: str, **fields: Any) -> Destination:
        """Return a server as users of the room name it."""
        return Destination(name, fields.pop("host", name), config_file=self.config, **fields)

    def stop(self) -> None:
        """Stop all servers."""
        for server in self.servers.values():
            server.stop()


def make_key(path: Path, passphrase: str = "") -> Path:
    """Make a key pair, ``path`` and ``path.pub``."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", str(path)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return path


def fingerprint(key: Path) -> str:
    """Return the fingerprint of a key as OpenSSH shows it."""
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", f"{key}.pub"], check=True, capture_output=True, text=True
    )
    return shown.stdout.split()[1]


def ssh_processes(mark: str) -> dict[int, str]:
    """Return pid and arguments of all live processes with ``mark`` in their arguments."""
    listing = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,stat=,args="], capture_output=True, text=True, check=True
    )
    found = {}
    for line in listing.stdout.splitlines():
        pid, state, arguments = line.split(None, 2)
        if mark in arguments and not state.startswith("Z") and not arguments.startswith("ps "):
            found[int(pid)] = arguments
    return found
