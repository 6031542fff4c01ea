"""The demo and the gallery, as a newcomer types them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from towline.clusters import ClusterDefinition, ClusterStore
from towline.gallery import gallery_script
from towline.testbed import Testbed

TOWLINE = [sys.executable, "-m", "towline"]


def run(*words: str, timeout: float = 180) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*TOWLINE, *words], capture_output=True, text=True, timeout=timeout)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOWLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_the_demo_runs_on_both_clusters_and_leaves_nothing(
    home: Path, testbed_can_run: None
) -> None:
    """An app a cluster, one on gpu, a result of one used on the other; its folder goes too."""
    done = run("demo", "--tasks", "60")
    assert done.returncode == 0, done.stdout + done.stderr
    table = re.findall(r"^(sample|mean|on_gpu) +(\w+) +(\w+) +([\w-]+)", done.stdout, re.MULTILINE)
    assert [row[:3] for row in table] == [
        ("sample", "onprem", "compute"),
        ("mean", "cloud", "compute"),
        ("on_gpu", "onprem", "gpu"),
    ]
    assert table[2][3] == "onprem-n2"
    assert re.search(r"60 small tasks on cloud-n\d, onprem-n\d: \d+ tasks/s", done.stdout)
    assert "first result after" in done.stdout
    assert "leftovers: none" in done.stdout + done.stderr
    assert not list(home.glob("towline-demo-*"))


def test_without_a_testbed_the_demo_says_so_and_runs_here(home: Path) -> None:
    """--local is what a machine without Slurm or namespaces gets by itself."""
    done = run("demo", "--local", "--tasks", "20")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 small tasks on" in done.stdout
    assert not list(home.glob("towline-demo-*"))


def test_ctrl_c_in_the_demo_takes_everything_down(home: Path, testbed_can_run: None) -> None:
    """An impatient newcomer leaves no testbed, no job and no folder."""
    demo = subprocess.Popen(
        [*TOWLINE, "demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert demo.stdout is not None
    seen = []
    for line in demo.stdout:
        seen.append(line)
        if "queued" in line:
            os.killpg(demo.pid, signal.SIGINT)
            break
    rest = demo.stdout.read()
    assert demo.wait(60) == 130, "".join(seen) + rest
    assert "The testbed is down" in rest
    assert not list(home.glob("towline-demo-*"))


def test_an_unknown_workflow_is_refused_with_the_gallerys_names(home: Path) -> None:
    """Before anything is booted."""
    done = run("demo", "--workflow", "nope")
    assert done.returncode == 2
    assert "multicluster_parsl_demo" in done.stderr


@pytest.fixture
def onprem(home: Path, healthy_testbed: Testbed) -> Testbed:
    config = str(healthy_testbed.ssh_config)
    ClusterStore().add(ClusterDefinition(name="onprem", host="onprem", ssh_config=config))
    return healthy_testbed


def test_the_talks_single_cluster_workflow(onprem: Testbed) -> None:
    """With its slide's keys: a greeting from the controller, and one from each node by srun."""
    script = str(gallery_script("singlecluster_parsl_demo"))
    done = run("run", script, "--", "--name", "Alvaro")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "Hello Alvaro from onprem-ctl" in lines
    assert {"Hello Alvaro from onprem-n1", "Hello Alvaro from onprem-n2"} <= set(lines)


def test_a_script_without_parsl(onprem: Testbed) -> None:
    """hello_cluster_ssh: SSH and srun alone."""
    done = run("run", str(gallery_script("hello_cluster_ssh")))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(
        r"Hello from onprem-ctl, user jdoe\nHello from onprem-n\d, user jdoe", done.stdout
    )
