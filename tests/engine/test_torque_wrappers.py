"""Torque's commands as Slurm's wrappers offer them: our Torque path on real Slurm, no Torque."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable

import parsl
import pytest

import towline
from towline.clusters import ClusterDefinition, ClusterStore
from towline.runs import RunFolder
from towline.ssh import Connection
from towline.testbed import Testbed


@pytest.mark.skipif(
    not shutil.which("qsub"), reason="TORQUE'S COMMANDS ARE MISSING: install slurm-wlm-torque"
)
def test_blocks_go_through_the_commands_of_torque(
    clusters: Testbed, leftovers: Callable[[], list[str]]
) -> None:
    """Submitted by qsub, watched by qstat, ended by qdel; its output comes back."""
    definition = ClusterDefinition(
        name="wrapped",
        type="torque",
        host="onprem",
        ssh_config=str(clusters.ssh_config),
        connections_per_minute=600,
    )
    ClusterStore().add(definition)
    executor = {"cluster": "wrapped", "partition": "gpu", "gpus_per_node": 1, "packages": ["parsl"]}
    with towline.load({"a": executor}):
        app = parsl.python_app(platform.node, executors=["a"])
        assert app().result(60) == "onprem-n2"
        jobs = clusters.ssh("onprem", "squeue -h -o '%j %P %b'").stdout.split()
        assert jobs[0].startswith(f"tl.{RunFolder.all()[0].tag}.a.0")
        assert jobs[1:] == ["gpu", "gres:gpu:1"]
    Connection(definition.destination()).close()
    ends = [e.facts for e in RunFolder.all()[0].events.read() if e.name == "block"]
    assert (ends[-1]["state"], ends[-1]["outcome"]) == ("ended", "cancelled")
    assert "onprem-n2" in {block["nodes"] for block in ends}
    assert (RunFolder.all()[0].blocks / "wrapped" / "jobs" / "a.0.stdout").is_file()
    assert leftovers() == []
