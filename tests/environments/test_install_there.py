"""Packages that the cluster installs itself: what its shell program leaves behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from towline.environments.cluster_side import program


def test_a_cache_that_a_killed_install_left_is_removed_after_a_day(tmp_path: Path) -> None:
    left, young = tmp_path / "towline-uv.left", tmp_path / "towline-uv.young"
    for folder in (left, young):
        folder.mkdir()
    os.utime(left, (0, 0))
    values = {"uv": "/bin/false", "interpreter": "python3", "minor": "3.11", "way": "direct"}
    script = program("install_there", **values)
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = ["sh", "-c", script, "finish", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=30)
    assert done.returncode == 4
    assert list(tmp_path.glob("towline-uv.*")) == [young]
