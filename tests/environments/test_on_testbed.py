"""Environments on two real Slurm clusters, used by their nodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import parsl
import pytest

from towline.clusters import load_facts
from towline.clusters.on_testbed import definition_of
from towline.environments import (
    EnvironmentRequest,
    list_environments,
    node_check_lines,
    preflight,
    realise,
)
from towline.errors import EnvironmentMismatch, NoSpace
from towline.ssh import Connection
from towline.testbed import Testbed

ONLY_PARSL = EnvironmentRequest(packages=("parsl",))
BOTH = pytest.mark.parametrize("name", ["onprem", "cloud"])


class Reached:
    """A cluster of the testbed, connected and probed."""

    def __init__(self, testbed: Testbed, name: str, user: str | None = None) -> None:
        self.name = name
        self.definition = definition_of(testbed, name, user=user)
        self.connection = Connection(self.definition.destination())
        self.facts = load_facts(self.definition, self.connection)

    def realise(self, request: EnvironmentRequest = ONLY_PARSL):
        return realise(request, self.connection, self.facts, cluster=self.name)

    def on_nodes(self, script: str, *options: str) -> list[str]:
        """Run sh text on nodes, through Slurm; return the lines they say, sorted."""
        quoted = script.replace("'", "'\\''")
        answer = self.connection.run(f"srun {' '.join(options)} sh -c '{quoted}'")
        return sorted((answer.stdout + answer.stderr).splitlines())


@pytest.fixture
def reach(testbed: Testbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Connect to clusters; close what was opened."""
    opened: list[Connection] = []

    def to(name: str, user: str | None = None) -> Reached:
        reached = Reached(testbed, name, user)
        opened.append(reached.connection)
        return reached

    yield to
    for connection in opened:
        connection.close()


@BOTH
def test_both_nodes_run_the_scripts_parsl_from_the_environment(reach, testbed, name):
    """Copied to the controller once; the nodes see it in their shared home."""
    cluster = reach(name)
    environment = cluster.realise()
    code = "import parsl, platform; print(platform.node(), parsl.__version__, parsl.__file__)"
    lines = cluster.on_nodes(f"{environment.activation}\n{environment.python} -c '{code}'", "-N2")
    assert [line.split()[:2] for line in lines] == [
        [node, parsl.__version__] for node in testbed.clusters[name].nodes
    ]
    assert all(f"{cluster.facts.root}/envs/packages-" in line for line in lines)


def test_a_second_run_finds_it_in_one_command(reach):
    cluster = reach("onprem")
    cluster.realise()
    environment = cluster.realise()
    report = preflight(environment, cluster.connection, cluster="onprem", executor="cpu")
    assert report.remembered
    assert report.worker.parsl == parsl.__version__


def test_the_workspaces_own_python_runs_on_a_node(reach):
    """Sent along when it is asked for, although the cluster has one of the same minor."""
    import platform

    cluster = reach("cloud")
    environment = cluster.realise(EnvironmentRequest(packages=("parsl",), python="workspace"))
    code = "import platform, parsl, ssl, sqlite3, ctypes; print(platform.python_version())"
    lines = cluster.on_nodes(f"{environment.activation}\n{environment.python} -c '{code}'")
    assert lines == [platform.python_version()]


def test_a_node_tells_whether_it_reaches_the_controller(reach):
    """Slurmctld stands for the link: it listens on port 6817. Nobody does on port 9."""
    cluster = reach("onprem")
    environment = cluster.realise()
    address = cluster.facts.node_address
    good = node_check_lines(environment, address, 6817)
    assert cluster.on_nodes(f"{environment.activation}{good}echo worker starts") == [
        "worker starts"
    ]
    bad = node_check_lines(environment, address, 9)
    said = cluster.on_nodes(f"{environment.activation}{bad}echo worker starts")
    assert any(f"cannot reach the controller at {address} port 9" in line for line in said)
    assert any("98" in line for line in said), "srun names the exit code"
    assert "worker starts" not in said


def test_a_login_full_of_noise_gets_its_environment(reach):
    """The user has start-up files that print, and sshd shows a banner."""
    cluster = reach("onprem", "noisy")
    environment = cluster.realise()
    assert cluster.realise() == environment


def test_a_full_disk_is_said_and_nothing_half_made_stays(reach, healthy_testbed):
    cluster = reach("onprem")
    request = EnvironmentRequest(packages=("parsl", "pytest"))
    with healthy_testbed.fill_disk("onprem", leave_bytes=8 << 20), pytest.raises(NoSpace) as raised:
        cluster.realise(request)
    assert "towline env gc onprem" in raised.value.next_step
    left = cluster.connection.run("ls -d ~/.towline/envs/*.tmp.* 2>/dev/null").stdout
    assert left == ""
    cluster.realise(request)


def test_a_cut_connection_leaves_nothing_and_the_next_try_succeeds(
    reach, healthy_testbed, monkeypatch
):
    """The push is cut in its middle, as when a laptop is closed."""
    cluster = reach("cloud")
    request = EnvironmentRequest(packages=("parsl", "hypothesis"))
    cut = []

    def report(event: str, **facts: object) -> None:
        if facts.get("state") == "pushing" and facts["done"] and not cut:
            cut.append(healthy_testbed.cut("cloud"))

    monkeypatch.setattr("towline.environments.push.SILENCE_SECONDS", 3)
    with pytest.raises(Exception, match="cloud") as raised:
        realise(request, cluster.connection, cluster.facts, cluster="cloud", report=report)
    assert type(raised.value).__name__ in ("ConnectionDropped", "CopyFailed")
    healthy_testbed.restore("cloud")
    cluster.connection.open(fresh=True, patient=True)
    # sshd there has not noticed: the far side ends by itself.
    wait = "for i in $(seq 60); do pgrep -u $(id -u) -x tar || exit 0; sleep 0.5; done; exit 1"
    assert cluster.connection.run(wait, timeout=60).exit_code == 0
    left = cluster.connection.run("ls -d ~/.towline/envs/*.tmp.* 2>/dev/null").stdout
    assert left == ""
    cluster.realise(request)
    names = [held.name for held in list_environments(cluster.connection, cluster.facts)]
    assert not [name for name in names if ".tmp." in name]


def test_the_systems_python_without_parsl_is_refused_before_a_job(reach):
    cluster = reach("onprem")
    environment = cluster.realise(EnvironmentRequest(kind="existing", python="/usr/bin/python3"))
    with pytest.raises(EnvironmentMismatch, match="Nothing was submitted"):
        preflight(environment, cluster.connection, cluster="onprem", executor="cpu")
    assert cluster.connection.run("squeue -h").stdout == ""
