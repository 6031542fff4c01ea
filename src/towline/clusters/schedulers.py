"""The schedulers that clusters have, and the command that tells each."""

from __future__ import annotations

from collections.abc import Mapping

SUBMIT_COMMANDS: Mapping[str, str] = {
    "lsf": "bsub",
    "pbs": "qsub",
    "slurm": "sbatch",
    "torque": "qsub",
}
"""Type of a cluster with a scheduler -> the command that submits a job there."""
