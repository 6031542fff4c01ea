"""What the site's admin does, and what Slurm remembers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from towline.testbed import Testbed

from .towline_run import TowlineRun

PATH = "PATH=/usr/bin:/bin\n"  # without the wrappers that carry the testbed's faults


def admin(testbed: Testbed, cluster: str, command: str) -> str:
    """Run a command as root on a controller; return what it wrote."""
    return testbed.exec(f"{cluster}-ctl", ["sh", "-c", PATH + command]).stdout


def jobs_ever(testbed: Testbed, cluster: str, run: TowlineRun) -> list[str]:
    """Return the names of all jobs of a run that the cluster has ever had (for 5 minutes)."""
    names = admin(testbed, cluster, "squeue --noheader --states=all --format=%j").splitlines()
    return [name for name in names if f".{run.folder.tag}." in name]


@contextmanager
def partition_down(testbed: Testbed, cluster: str, partition: str) -> Iterator[None]:
    """Take a partition down: it takes jobs, and starts none."""
    admin(testbed, cluster, f"scontrol update PartitionName={partition} State=DOWN")
    try:
        yield
    finally:
        admin(testbed, cluster, f"scontrol update PartitionName={partition} State=UP")
