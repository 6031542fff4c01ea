"""Machines to bring environments to: like this one, without Python, with small disks."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from towline.clusters.on_testbed import defined
from towline.environments import EnvironmentRequest
from towline.testbed import Testbed

if TYPE_CHECKING:
    from environments.conda_channel import CondaChannel

PYTHON_HERE = shutil.which("python3", path="/usr/bin:/usr/local/bin") or ""
CHROOT = shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin") or "chroot"
TOOLS = (
    "sh bash tar gzip awk find sed grep cat chmod dd df dirname du head ln ls mkdir mktemp mv "
    "readlink realpath rm sort stat tail touch tr uname env id sleep date"
)


@dataclass
class Answer:
    """What a command answered."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass
class Machine:
    """A controller: commands run in `sh` with a home of their own, after `enter`."""

    home: Path
    enter: list[str] = field(default_factory=list)
    path: str = "/usr/bin:/bin"
    noise: str = ""
    """Shell text that the log-in runs first."""
    runs: int = 0
    pushes: int = 0

    def run(self, script: str, *, timeout: float = 60) -> Answer:
        """Run sh text there, and count it."""
        self.runs += 1
        done = subprocess.run(
            self._login("exec sh -s"), input=script, text=True, capture_output=True, timeout=timeout
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def argv(self, command: str) -> list[str]:
        """Return the command that runs `command` there, and count it."""
        self.pushes += 1
        return self._login(command)

    def inside(self, path: str) -> Path:
        """Return where a path of the machine is in the tests' own file system."""
        return Path(path)

    def facts(self, **other: object) -> SimpleNamespace:
        """Return what a probe would have seen, some of it otherwise."""
        known: dict[str, object] = {
            "system": "Linux",
            "arch": platform.machine(),
            "glibc": platform.libc_ver()[1],
            "home": str(self.home),
            "root": f"{self.home}/.towline",
            "pythons": _pythons(),
        }
        return SimpleNamespace(**(known | other))

    def _login(self, command: str) -> list[str]:
        clean = ["env", "-i", f"HOME={self.home}", f"PATH={self.path}"]
        return [*self.enter, *clean, "sh", "-c", f"cd\n{self.noise}\n{command}"]


def _pythons() -> dict[str, str]:
    """Return the system's Python of the script's minor version, else the script's own base."""
    ask = "import platform; print(platform.python_version())"
    minor = ".".join(platform.python_version_tuple()[:2])
    for python in (PYTHON_HERE, _base_python()):
        if python:
            said = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
            if said.stdout.startswith(minor + "."):
                return {said.stdout.strip(): python}
    raise AssertionError("the script's own Python is gone")


def _base_python() -> str:
    return str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())


@pytest.fixture(scope="session", autouse=True)
def workspace_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache of archives for all these tests, away from the user's own."""
    home = tmp_path_factory.mktemp("workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOWLINE_HOME", str(home))
        yield home


@pytest.fixture
def environment_file(channel: CondaChannel, tmp_path: Path) -> Callable[..., EnvironmentRequest]:
    """Return a writer of environment.yml files from that channel, which asks for them."""

    def write(*packages: str, pip: tuple[str, ...] = (), **keys: object) -> EnvironmentRequest:
        lines = ["channels:", f"  - {channel.folder}", "dependencies:"]
        lines += [f"  - {package}" for package in packages]
        lines += ["  - pip:", *(f"    - {line}" for line in pip)] if pip else []
        path = tmp_path / "environment.yml"
        path.write_text("\n".join([*lines, ""]))
        return EnvironmentRequest.model_validate({"kind": "conda", "spec": str(path), **keys})

    return write


@pytest.fixture(scope="session")
def a_machine() -> Callable[[Path], Machine]:
    """Return a maker of machines: this one, as a stranger's account on it would look."""

    def make(folder: Path) -> Machine:
        (folder / "home").mkdir()
        return Machine(folder / "home")

    return make


@pytest.fixture
def machine(tmp_path: Path, a_machine: Callable[[Path], Machine]) -> Machine:
    """Return this machine as a stranger's account on it would look."""
    return a_machine(tmp_path)


@pytest.fixture
def namespace() -> Iterator[Callable[[str], list[str]]]:
    """Mount namespaces: takes set-up text, gives the argv that enters; all end with the test."""
    holders: list[subprocess.Popen[str]] = []

    def make(setup: str) -> list[str]:
        until_we_die = ["setpriv", "--pdeathsig", "KILL"]
        until_we_die += ["unshare", "--mount", "--kill-child", "--fork"]
        as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
        holder = subprocess.Popen(
            [*until_we_die, *as_root, "sh", "-c", f"set -e\n{setup}\necho ready $$\nexec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        holders.append(holder)
        assert holder.stdout and holder.stderr
        if not holder.stdout.readline().startswith("ready"):
            why = holder.stderr.read().strip()
            pytest.skip(f"this machine gives no mount namespaces ({why}): run as root")
        child = subprocess.run(
            ["pgrep", "-P", str(holder.pid)], capture_output=True, text=True, check=True
        ).stdout.split()[0]
        users = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", "--target", child, "--mount", *users]

    yield make
    for holder in holders:
        holder.kill()
        holder.communicate()


@pytest.fixture
def small_disk(tmp_path: Path, namespace: Callable[[str], list[str]]) -> Machine:
    """Return a machine whose home is a disk of 12 MiB."""
    home = tmp_path / "small"
    home.mkdir()
    return Machine(home, namespace(f"mount -t tmpfs -o size=12m tmpfs '{home}'"))


@pytest.fixture
def read_only(tmp_path: Path, namespace: Callable[[str], list[str]]) -> Machine:
    """Return a machine whose home cannot be written."""
    home = tmp_path / "read-only"
    home.mkdir()
    return Machine(home, namespace(f"mount -t tmpfs -o ro tmpfs '{home}'"))


@pytest.fixture
def bare(tmp_path: Path, namespace: Callable[[str], list[str]]) -> Machine:
    """Return a machine with a C library and a few tools, but without any Python."""
    root = tmp_path / "bare"
    for folder in ("bin", "dev", "proc", "tmp", "home/user", "etc", "usr"):
        (root / folder).mkdir(parents=True)
    (root / "usr/bin").symlink_to("../bin")
    (root / "etc/passwd").write_text("root:x:0:0::/home/user:/bin/sh\n")
    for tool in TOOLS.split():
        _install(root, Path(shutil.which(tool) or pytest.fail(f"no {tool} here")))
    for library in ("libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1"):
        _copy(root, Path(f"/lib/{platform.machine()}-linux-gnu", library))
    for library in ("libgcc_s.so.1", "libstdc++.so.6", "libresolv.so.2"):
        _copy(root, Path(f"/lib/{platform.machine()}-linux-gnu", library))
    setup = f"mount --rbind /dev '{root}/dev'\nmount --rbind /proc '{root}/proc'"
    return _Chroot(Path("/home/user"), [*namespace(setup), CHROOT, str(root)], "/bin", root=root)


@dataclass
class _Chroot(Machine):
    root: Path = Path("/")

    def inside(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def facts(self, **other: object) -> SimpleNamespace:
        return super().facts(**({"pythons": {}} | other))


def _install(root: Path, tool: Path) -> None:
    shutil.copy2(tool.resolve(), root / "bin" / tool.name)
    listed = subprocess.run(["ldd", str(tool)], capture_output=True, text=True).stdout
    for library in re.findall(r"(/\S+) \(0x", listed):
        _copy(root, Path(library))


def _copy(root: Path, library: Path) -> None:
    target = root / str(library).lstrip("/")
    if library.exists() and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(library.resolve(), target)


@dataclass
class Site:
    """A `site-packages` of the tests' own, in front of the workspace's."""

    folder: Path

    def add(
        self,
        name: str,
        version: str = "1.0",
        files: dict[str, str] | None = None,
        requires: tuple[str, ...] = (),
        metadata: dict[str, str] | None = None,
    ) -> Path:
        """Install a distribution as an installer would; return its metadata folder."""
        about = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        about.mkdir(parents=True)
        needs = "".join(f"Requires-Dist: {line}\n" for line in requires)
        everything = {
            f"{about.name}/METADATA": f"Name: {name}\nVersion: {version}\n{needs}",
            **{f"{about.name}/{key}": text for key, text in (metadata or {}).items()},
            **(files or {}),
        }
        lines = [f"{about.name}/RECORD,,"]
        for path, text in everything.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            lines.append(f"{path},{_record_hash(text)},{len(text)}")
        (about / "RECORD").write_text("\n".join(lines) + "\n")
        return about


def _record_hash(text: str) -> str:
    import base64
    import hashlib

    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
    return "sha256=" + digest.decode().rstrip("=")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    folder = tmp_path / "prefix/lib/python3/site-packages"
    folder.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(folder))
    return Site(folder)


@pytest.fixture
def clusters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, healthy_testbed: Testbed
) -> Iterator[Testbed]:
    """The testbed with both clusters defined in a TOWLINE_HOME of the test's own."""
    sockets = tempfile.mkdtemp(prefix="tl-", dir="/tmp")
    monkeypatch.setenv("TOWLINE_RUNTIME_DIR", sockets)
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "towline"))
    monkeypatch.delenv("TOWLINE_RUN", raising=False)
    monkeypatch.chdir(tmp_path)
    with defined(healthy_testbed):
        yield healthy_testbed
    shutil.rmtree(sockets)
