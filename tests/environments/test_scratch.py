"""What killed processes have left half made on the workspace is removed a day later."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

from towline.environments.locks import Lock, LockStore
from towline.environments.scratch import sweep_scratch


def test_old_scratch_goes_and_what_is_being_made_stays(tmp_path: Path) -> None:
    old = (tmp_path / ".build-1", tmp_path / ".lock-1", tmp_path / ".lock-2")
    for folder in old[:2]:
        (folder / "inside").mkdir(parents=True)
    old[2].touch()
    for path in old:
        os.utime(path, (0, 0))
    (tmp_path / ".build-2").mkdir()
    (tmp_path / "archive.tar.gz").touch()
    os.utime(tmp_path / "archive.tar.gz", (0, 0))
    sweep_scratch(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".build-2", "archive.tar.gz"]


def test_a_lock_that_is_saved_sweeps_those_that_never_were(tmp_path: Path) -> None:
    left = tmp_path / ".lock-left"
    left.touch()
    os.utime(left, (0, 0))
    LockStore(tmp_path).save(Lock("uv", "uv-1", (), datetime.now(timezone.utc), ()))
    assert [path.name for path in tmp_path.iterdir()] == ["uv-1.json"]
