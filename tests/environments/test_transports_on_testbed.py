"""The cluster installs packages itself, on real sshd: one allows forwarding, one forbids it."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import pytest

from environments.index_server import make_wheel, wheel_of_installed
from environments.test_on_testbed import Reached
from towline.environments import EnvironmentRequest, preflight, realise
from towline.environments.transports import cluster_install
from towline.errors import EnvironmentBuildFailed, SiteError

LOCKED = ("UV_DEFAULT_INDEX", "UV_CACHE_DIR")


@pytest.fixture(scope="module")
def static_uv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the workspace's uv in a wheel that says it is static.

    A stand-in for the static build, which only an index has; on the testbed's hosts it runs as
    well.
    """
    folder = tmp_path_factory.mktemp("static-uv")
    wheel_of_installed(folder, "uv", "py3-none-musllinux_1_1_x86_64")
    return folder


@pytest.fixture
def request_by(index, static_uv, tmp_path, monkeypatch):
    """Return what makes a request for a small package by a transport."""
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "workspace"))
    index.more = (static_uv,)
    make_wheel(index.folder, "lib", files={"lib.py": "version = 'installed there'\n"})
    (tmp_path / "requirements.txt").write_text("lib\n")

    def make(transport: str) -> EnvironmentRequest:
        spec = str(tmp_path / "requirements.txt")
        return EnvironmentRequest(kind="uv", spec=spec, transport=transport)

    return make


@pytest.fixture
def reach(testbed):
    """Connect to clusters, with no environments on them; close what was opened."""
    opened = []

    def to(name: str, user: str | None = None) -> Reached:
        reached = Reached(testbed, name, user)
        opened.append(reached.connection)
        return reached

    yield to
    for connection in opened:
        connection.close()


def listening(cluster: Reached) -> set[str]:
    lines = cluster.connection.run("cat /proc/net/tcp").stdout.splitlines()[1:]
    return {line.split()[1] for line in lines if line.split()[3] == "0A"}


def test_a_cluster_without_internet_installs_through_the_connection(
    reach, request_by, index, monkeypatch
):
    """Nobody else there sees the password, and when it is done nothing listens any more."""
    cluster = reach("onprem")
    other_user = reach("onprem", "noisy")
    before = listening(cluster)
    seen: list[str] = []
    secrets: list[str] = []
    done = threading.Event()
    make = cluster_install.Proxy

    def noted(*arguments: object) -> object:
        proxy = make(*arguments)
        secrets.append(proxy.password)
        return proxy

    def watch() -> None:
        look = "ps -A -ww -e -o args=; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null"
        while not done.is_set():
            seen.append(other_user.connection.run(f"{look} | tr '\\0' ' '; true").stdout)
            here = subprocess.run(
                ["ps", "-A", "-ww", "-o", "args="], capture_output=True, text=True
            )
            seen.append(here.stdout)

    monkeypatch.setattr(cluster_install, "Proxy", noted)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        environment = cluster.realise(request_by("proxy"))
    finally:
        done.set()
        watcher.join()
    report = preflight(environment, cluster.connection, cluster="onprem", executor="cpu")
    assert report.worker.packages["lib"] == "1.0"
    said = cluster.on_nodes(f"{environment.python} -c 'import lib; print(lib.version)'")
    assert said == ["installed there"]
    assert any("uv pip install" in text for text in seen), "the other user saw it at work"
    assert secrets and not [s for s in secrets if any(s in text for text in seen)]
    for secret in secrets:
        assert cluster.connection.run(f"grep -rlF {secret} ~/.towline /tmp").stdout == ""
    assert not list(Path(os.environ["TOWLINE_HOME"]).rglob("*secret*"))
    assert listening(cluster) == before
    assert cluster.connection.run("ls -d /tmp/towline-uv.* 2>/dev/null").stdout == ""
    assert cluster.realise(request_by("push")).prefix == environment.prefix


def test_a_place_that_the_lock_does_not_name_is_refused_and_told(reach, request_by, monkeypatch):
    """As when an index sends the installer to another host."""
    cluster = reach("onprem")
    told: list[object] = []
    request = request_by("proxy")
    monkeypatch.setattr(cluster_install, "places_of", lambda urls: list(urls) and frozenset())
    with pytest.raises(EnvironmentBuildFailed, match="cannot be installed there") as raised:
        realise(
            request,
            cluster.connection,
            cluster.facts,
            cluster="onprem",
            report=lambda event, **facts: told.append(facts),
        )
    assert "env_transport: push" in raised.value.next_step
    assert any(str(facts.get("place", "")).startswith("127.0.0.1:") for facts in told)


def test_where_forwarding_is_forbidden_that_is_said_before_anything_is_sent(reach, request_by):
    cluster = reach("cloud")
    cluster.connection.run("rm -rf ~/.towline/envs")
    with pytest.raises(SiteError, match="its sshd forbids port forwarding") as raised:
        cluster.realise(request_by("proxy"))
    assert "env_transport: push" in raised.value.next_step
    assert cluster.connection.run("ls -A ~/.towline/envs 2>/dev/null").stdout == ""
    assert cluster.realise(request_by("push")).prefix


def test_a_cluster_that_has_no_internet_says_so_soon(reach, request_by):
    cluster = reach("cloud")
    cluster.connection.run("rm -rf ~/.towline/envs/packages-*")
    with pytest.raises(EnvironmentBuildFailed, match=r"no package can be fetched .*\(direct\)"):
        cluster.realise(request_by("direct"))
    assert cluster.connection.run("ls -d ~/.towline/envs/packages-* 2>/dev/null").stdout == ""
    assert cluster.connection.run("ls -d ~/.towline/envs/*.tmp.* 2>/dev/null").stdout == ""


def test_a_cluster_that_has_internet_installs_from_there(reach, request_by, index):
    """An index on the cluster's own loopback, at the same address, stands for the internet."""
    cluster = reach("onprem")
    cluster.connection.run("rm -rf ~/.towline/envs/packages-* ~/internet")
    cluster.connection.run("mkdir -p ~/internet/files")
    for wheel in index.folder.iterdir():
        cluster.connection.push_file(wheel, f"{cluster.facts.home}/internet/files/{wheel.name}")
    serve = f"python3 -m http.server {index.port} --bind 127.0.0.1 --directory ~/internet"
    pid = cluster.connection.run(f"nohup {serve} >/dev/null 2>&1 </dev/null & echo $!").stdout
    try:
        wait = (
            f"for i in $(seq 100); do (: </dev/tcp/127.0.0.1/{index.port}) 2>/dev/null && exit 0; "
        )
        bash = f"bash -c '{wait} sleep 0.1; done; exit 1'"
        assert cluster.connection.run(bash).exit_code == 0
        environment = cluster.realise(request_by("direct"))
    finally:
        cluster.connection.run(f"kill {pid}")
    said = cluster.connection.run(f"{environment.python} -c 'import lib; print(lib.version)'")
    assert said.stdout == "installed there\n"
