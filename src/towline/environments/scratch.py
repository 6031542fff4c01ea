"""What is half made in a folder of the workspace, and stays there when its maker is killed."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path

STALE_SECONDS = 24 * 3600
"""Age at which something half made must be somebody's who was killed."""


def sweep_scratch(folder: Path) -> None:
    """Remove what killed builders and lockers have left in a folder, a day after."""
    now = time.time()
    for scratch in (*folder.glob(".build-*"), *folder.glob(".lock-*")):
        with suppress(OSError):
            if now - scratch.lstat().st_mtime <= STALE_SECONDS:
                continue
            if scratch.is_dir():
                shutil.rmtree(scratch, ignore_errors=True)
            else:
                scratch.unlink()
