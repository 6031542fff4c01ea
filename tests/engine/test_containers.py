"""One script, workers in containers on two real clusters: real Apptainer, real Slurm."""

from __future__ import annotations

import os
import platform
import posixpath
from collections.abc import Callable
from pathlib import Path
from typing import Any

import parsl
import pytest

import towline
from towline.errors import EnvironmentBuildFailed
from towline.testbed import Testbed


def app(label: str, function: Any) -> Any:
    """Return an app of one executor; the function is of the standard library."""
    return parsl.python_app(function, executors=[label])


def test_tasks_run_in_a_container_on_both_clusters_in_one_run(
    clusters: Testbed, leftovers: Callable[[], list[str]], image: Path, home: Path
) -> None:
    """Beside the executors' file lies the image; files of an app stay in its folder outside."""
    (home / "image.sif").symlink_to(image)
    (home / "executors.yaml").write_text(
        "a: {cluster: onprem, container_image: image.sif, run_dir: '~/made',\n"
        "    worker_init: 'export APPTAINERENV_COLOUR=green'}\n"
        "b: {POOL: cloud, CONTAINER_IMAGE: ./image.sif, CONTAINER_GPU: nv, PARTITION: gpu,\n"
        "    gres: 'gpu:1', CONTAINER_BINDS: '~/.ssh:/opt/keys:ro'}\n"
    )
    with towline.load("executors.yaml"):
        names = [app(label, platform.node)() for label in "ab"]
        inside = [app(label, os.listdir)("/opt") for label in "ab"]
        where, colour = app("a", os.getcwd)(), app("a", os.getenv)("COLOUR")
        kept = app("a", os.system)("echo from inside >kept")
        bound = app("b", posixpath.exists)("/opt/keys/authorized_keys")
        devices = app("b", os.getenv)("CUDA_VISIBLE_DEVICES")
        assert names[0].result(90).startswith("onprem-n")
        assert names[1].result(90) == "cloud-n2"
        assert all({"python", "towline"} <= set(listed.result(60)) for listed in inside)
        assert where.result(60) == "/home/jdoe/made"
        assert colour.result(60) == "green"
        assert kept.result(60) == 0
        assert bound.result(60) is True
        assert devices.result(60) == "0"
    assert clusters.ssh("onprem", "cat ~/made/kept; rm -r ~/made").stdout == "from inside\n"
    assert leftovers() == []


def test_the_talks_keys_name_an_image_of_the_cluster(
    clusters: Testbed, leftovers: Callable[[], list[str]]
) -> None:
    """Nothing is submitted where it is not there."""
    talk = {
        "POOL": "onprem",
        "CREATE_SINGULARITY_CONTAINER": "false",
        "LOCAL_SINGULARITY_FILE": "work.def",
        "SINGULARITY_CONTAINER_PATH": "~/nowhere.sif",
    }
    with pytest.raises(EnvironmentBuildFailed, match=r"/home/jdoe/nowhere\.sif is not there"):
        towline.load({"a": talk})
    assert leftovers() == []
