"""How a run's things are named on a cluster; every room that looks for them looks here."""

from __future__ import annotations

from towline.clusters import ClusterFacts

JOB_PREFIX = "tl"
"""All jobs of all runs are named ``tl.<tag>.<label>.<n>…``."""


def job_prefix(tag: str) -> str:
    """Return what begins the name of every job of a run, and of no other."""
    return f"{JOB_PREFIX}.{tag}."


def run_folder_on(facts: ClusterFacts, tag: str) -> str:
    """Return the absolute path of a run's folder on a cluster."""
    return f"{facts.root}/runs/{tag}"


def default_work_folder(tag: str) -> str:
    """Return the apps' working folder when none is asked for."""
    return f"~/towline-{tag}"
