"""Making environments anew: nothing that was kept of the old ones is used again."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from towline.environments import rebuild
from towline.environments.archive import archives_folder
from towline.environments.cluster_side import program
from towline.environments.environment import Environment
from towline.environments.plan import OwnWayLayer, Plan
from towline.environments.request import EnvironmentRequest


def test_an_image_that_the_workspace_made_is_made_again(machine, monkeypatch) -> None:
    """A moving tag, or what a build fetches, may have changed."""
    layer = OwnWayLayer("image-abc", lambda *told: None)
    made = Environment("container", "container-3.11-x", "/x", "/x/bin/python", "")
    kept = archives_folder() / "images/image-abc.sif"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(b"old")
    monkeypatch.setattr(rebuild, "plan_of", lambda *asked: Plan(made, (layer,)))
    monkeypatch.setattr(rebuild, "realise", lambda *asked, **more: made)
    rebuild.rebuild(EnvironmentRequest(), machine, machine.facts(), cluster="here")
    assert not kept.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user for a moment")
def test_an_unpacked_image_is_removed_though_nobody_may_write_to_its_folders() -> None:
    root = Path(tempfile.mkdtemp(prefix="towline-test-"))
    try:
        (root / "image-abc/sandbox").mkdir(parents=True)
        (root / "image-abc/sandbox/file").touch()
        for path in (root, *root.rglob("*")):
            os.chown(path, 65534, 65534)
        (root / "image-abc/sandbox").chmod(0o555)
        script = program("move_aside", root=str(root), names="image-abc", runs="/none", force="")
        subprocess.run(["sh", "-c", script], user=65534, group=65534, check=True, timeout=30)
        assert list(root.iterdir()) == []
    finally:
        shutil.rmtree(root)
