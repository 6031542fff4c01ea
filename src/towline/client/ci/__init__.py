"""One step of a CI job: clusters on, workflow launched and followed, results fetched, all put back.

The GitHub Action and ``towline ci`` are this room; it knows nothing of the command line.
"""

from __future__ import annotations

from towline.client.ci.asked import Asked, read_clusters, read_inputs, read_seconds
from towline.client.ci.report import GithubReport, PlainReport, Report
from towline.client.ci.step import Cancelled, OutOfTime, Result, finish, run_step
from towline.client.ci.usage import Usage

__all__ = [
    "Asked",
    "Cancelled",
    "GithubReport",
    "OutOfTime",
    "PlainReport",
    "Report",
    "Result",
    "Usage",
    "finish",
    "read_clusters",
    "read_inputs",
    "read_seconds",
    "run_step",
]
