"""`towline run` over two real clusters: whatever dies, nothing is left on them."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from towline.clusters import ClusterStore
from towline.clusters.on_testbed import defined
from towline.runs import RunFolder
from towline.ssh import Connection
from towline.testbed import Testbed

from .conftest import event_of, wait_for_event
from .terminal import CTRL_C, Terminal

SCRIPT = """
import parsl, towline

def nap(seconds):
    import time
    time.sleep(seconds)

if __name__ == "__main__":
    with towline.load("executors.json"):
        naps = [parsl.python_app(nap, executors=[label])(600) for label in "ab"]
        naps[0].result()
"""
EXECUTORS = {
    "a": {"cluster": "onprem", "partition": "compute", "packages": ["parsl"]},
    "b": {"cluster": "cloud", "provider": "controller", "packages": ["parsl"]},
}


@pytest.fixture
def clusters(healthy_testbed: Testbed) -> Iterator[Testbed]:
    """Both clusters of the testbed, defined; their connections are closed afterwards."""
    with defined(healthy_testbed):
        yield healthy_testbed


@pytest.fixture
def terminal(clusters: Testbed, script, tmp_path) -> Iterator[Terminal]:
    """A terminal on which a script waits for two tasks, one on each cluster."""
    (tmp_path / "executors.json").write_text(json.dumps(EXECUTORS))
    path = script(SCRIPT)
    typed = Terminal([sys.executable, "-m", "towline", "run", str(path)], str(tmp_path))
    yield typed
    typed.close()


def busy(terminal: Terminal) -> RunFolder:
    """Wait until a job runs on the one cluster and processes on the other."""
    terminal.wait_for("job ", 60)
    folder = RunFolder.open(1)
    for label in EXECUTORS:
        terminal.wait_for(f"{label} on {EXECUTORS[label]['cluster']}", 60)
    wait_for_event(folder, "progress")
    return folder


def nothing_is_left(towline) -> None:
    answer = towline("run", "leftovers")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == "leftovers: none (asked: cloud, onprem)\n"
    assert RunFolder.open(1).ledger.open_entries() == []


def test_ctrl_c(terminal, towline):
    busy(terminal)
    terminal.type(CTRL_C)

    assert terminal.wait(90) == 130
    assert "leftovers: none" in terminal.frames[-1]
    nothing_is_left(towline)


def test_kill_9_of_the_script(terminal, towline):
    folder = busy(terminal)
    os.kill(event_of(folder, "running").facts["pid"], signal.SIGKILL)

    assert terminal.wait(90) == 1
    assert "killed by signal 9" in terminal.frames[-1]
    assert "leftovers: none" in terminal.frames[-1]
    nothing_is_left(towline)


def test_kill_9_of_the_supervisor(terminal, towline):
    folder = busy(terminal)
    os.kill(folder.keeper().pid, signal.SIGKILL)

    assert terminal.wait(90) == 6
    assert "leftovers: none" in terminal.frames[-1]
    nothing_is_left(towline)


def test_what_is_left_is_found_removed_and_crossed_out(clusters: Testbed, towline):
    """A folder and a job as a run would have them, which nobody cleaned up."""
    folder = RunFolder.create("a.py")
    definition = ClusterStore().load("onprem")
    facts = {"definition": definition.model_dump()}
    folder.ledger.intend("remote_folder", "onprem", **facts)
    folder.events.append("ended", state="lost", exit_code=6, leftovers=[])
    connection = Connection(definition.destination())
    assert connection.run(f"mkdir -p ~/.towline/runs/{folder.tag}\n").exit_code == 0
    job = f"sbatch -J tl.{folder.tag}.a.0 --wrap 'sleep 600'\n"
    assert connection.run(job).exit_code == 0

    found = towline("run", "leftovers", "1")
    assert found.returncode == 6
    rows = [line.split()[:2] for line in found.stdout.splitlines()[1:]]
    assert sorted(rows) == [["onprem", "folder"], ["onprem", "job"]]

    removed = towline("run", "leftovers", "1", "--remove")
    assert (removed.returncode, removed.stdout) == (0, "leftovers: none (asked: onprem)\n")
    assert folder.ledger.open_entries() == []


def test_a_cluster_that_cannot_be_asked_is_not_said_to_be_clean(clusters: Testbed, towline):
    folder = RunFolder.create("a.py")
    facts = {"definition": ClusterStore().load("onprem").model_dump()}
    folder.ledger.intend("remote_folder", "onprem", **facts)
    folder.events.append("ended", state="lost", exit_code=6, leftovers=[])
    clusters.cut("onprem")

    answer = towline("run", "leftovers", "1")

    assert answer.returncode == 3
    assert "leftovers: none" not in answer.stdout
    assert "onprem: not observed" in answer.stderr
    assert len(folder.ledger.open_entries()) == 1
