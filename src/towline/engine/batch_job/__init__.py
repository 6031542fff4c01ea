"""One program as one batch job on a cluster, with its real exit code; no Parsl in it.

Only what can be read and checked without Parsl is named here; :mod:`towline.engine.batch_job.job`
runs the job and imports more.
"""

from __future__ import annotations

from towline.engine.batch_job.patterns import check_pattern
from towline.engine.batch_job.request import ON_KEYS, BatchRequest, read_on

__all__ = ["ON_KEYS", "BatchRequest", "check_pattern", "read_on"]
