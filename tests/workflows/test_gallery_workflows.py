"""The gallery's scripts are workflows: their forms start them as their options do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from towline.clusters import ClusterDefinition, ClusterStore
from towline.gallery import GALLERY
from towline.testbed import Testbed
from towline.workflows import check_inputs, from_folder
from towline.workflows.arguments import command_of

DEMOS = sorted(path.parent for path in GALLERY.glob("*/workflow.yaml"))


def towline(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "towline", "workflow", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)


def test_every_script_of_the_gallery_has_a_form():
    assert [path.parent for path in sorted(GALLERY.glob("*/main.py"))] == DEMOS


@pytest.mark.parametrize("folder", DEMOS, ids=lambda path: path.name)
def test_its_script_takes_what_its_form_gives(folder: Path):
    """The script itself reads the arguments; `--help` behind them ends it before it connects."""
    demo = from_folder(folder)
    assert demo.thumbnail is not None
    command = command_of(demo.definition, check_inputs(demo.definition, {}).values)
    told = subprocess.run(
        [sys.executable, folder / command[1], *command[2:], "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 0, told.stderr


def test_the_talks_workflow_runs_by_its_form(tmp_path: Path, healthy_testbed: Testbed):
    """Its cluster is chosen in the form: the executors file names another one."""
    config = str(healthy_testbed.ssh_config)
    ClusterStore().add(ClusterDefinition(name="ours", host="onprem", ssh_config=config))
    added = towline("add", str(GALLERY / "singlecluster_parsl_demo"))
    assert added.returncode == 0, added.stderr
    done = towline("run", "singlecluster_parsl_demo", "-i", "name=Alvaro", "-i", "cluster=ours")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Hello Alvaro from onprem-ctl" in done.stdout.splitlines()
    assert {f"Hello Alvaro from onprem-n{n}" for n in (1, 2)} <= set(done.stdout.splitlines())
    assert "leftovers: none" in done.stderr


def test_a_wrong_cluster_is_said_before_anything_starts(home: Path):
    done = towline("run", str(GALLERY / "hello_cluster_ssh"), "-i", "cluster=nowhere")
    assert done.returncode == 2
    assert "cluster names no cluster that is defined: 'nowhere'" in done.stderr
    assert not (home / "state" / "runs").exists()
