"""The schedulers that clusters have, and the commands that tell each."""

from __future__ import annotations

from collections.abc import Mapping

SUBMIT_COMMANDS: Mapping[str, str] = {
    "condor": "condor_submit",
    "gridengine": "qsub",
    "lsf": "bsub",
    "pbs": "qsub",
    "slurm": "sbatch",
    "torque": "qsub",
}
"""Type of a cluster with a scheduler -> the command that submits a job there."""

NEEDED_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "condor": ("condor_submit", "condor_q", "condor_rm", "condor_history"),
    "gridengine": ("qsub", "qstat", "qdel", "qacct"),
    "lsf": ("bsub", "bjobs", "bkill"),
    "pbs": ("qsub", "qstat", "qdel"),
    "slurm": ("sbatch", "squeue", "scancel", "scontrol", "sinfo"),
    "torque": ("qsub", "qstat", "qdel"),
}
"""Without these, no block runs."""

PROPER_NAMES: Mapping[str, str] = {
    "condor": "HTCondor",
    "gridengine": "Grid Engine",
    "lsf": "LSF",
    "pbs": "PBS",
    "slurm": "Slurm",
    "torque": "Torque",
}

SETTINGS: Mapping[str, str] = {
    "condor": "_?CONDOR_",
    "gridengine": "SGE_",
    "lsf": "LSF_|XLSF_|EGO_",
    "pbs": "PBS_",
    "slurm": "SLURM_CONF",
    "torque": "PBS|TORQUE|TRQ",
}
"""How the environment variables begin that a site's profile sets for the scheduler's commands."""
