"""The testbed's file systems: memory disks that vanish with the supervisor."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

HOSTS_SIZE = 2 * 1024**3  # bytes; memory is used only for what is written
HOME_SIZE = 4 * 1024**3


def take_private_run_and_proc() -> None:
    """Give the supervisor its own ``/run`` (names of network namespaces) and ``/proc``."""
    _mount("-t", "tmpfs", "-o", "mode=755", "testbed-run", "/run")
    Path("/run/netns").mkdir()
    _mount("-t", "proc", "proc", "/proc")


def mount_memory_disk(folder: Path, size: int) -> None:
    """Create a folder and mount an empty disk of ``size`` bytes on it."""
    folder.mkdir(parents=True)
    _mount("-t", "tmpfs", "-o", f"mode=755,size={size}", f"testbed-{folder.name}", str(folder))


def leave_free(folder: Path, free: int) -> None:
    """Shrink a memory disk until only ``free`` bytes can still be written to it."""
    for attempt in range(20):
        about = os.statvfs(folder)
        used = (about.f_blocks - about.f_bfree) * about.f_frsize
        try:
            _mount("-o", f"remount,size={used + free}", str(folder))
        except RuntimeError:  # somebody wrote in between
            if attempt == 19:
                raise
        else:
            return


def give_back(folder: Path) -> None:
    """Let a home disk have its usual size again."""
    _mount("-o", f"remount,size={HOME_SIZE}", str(folder))


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"mount {' '.join(arguments)}: {done.stderr.strip()}")
