"""A run's presence on one cluster, without workers and so without a link."""

from __future__ import annotations

from typing import Any

from towline.engine.definitions import ExecutorDefinition
from towline.engine.providers import PROVIDERS
from towline.engine.site import Site

_RUN_ONCE = {
    "slurm": "#SBATCH --no-requeue",
    "pbs": "#PBS -r n",
    "torque": "#PBS -r n",
    "lsf": "#BSUB -rn",
}
"""What tells a scheduler not to start a job again whose node was lost; the others are not told.

Whatever they do, the job's own script runs its program once.
"""


class JobSite(Site):
    """The folder and the job of a run on one cluster."""

    def worker_setup(self, label: str) -> str:
        """Return nothing: a job without workers needs no keys, port or environment."""
        return ""


def job_provider(site: JobSite, label: str, wanted: ExecutorDefinition, kind: str) -> Any:
    """Return the provider that submits one job, whose script runs once, on its first node."""
    from parsl.launchers import SimpleLauncher

    once = (_RUN_ONCE[kind],) if kind in _RUN_ONCE else ()
    options = (*once, *wanted.scheduler_options)
    provider = PROVIDERS[kind](
        site, label, wanted.model_copy(update={"scheduler_options": options})
    )
    provider.launcher = SimpleLauncher()
    scripts = site.blocks / "scripts"
    scripts.mkdir(parents=True, exist_ok=True)
    provider.script_dir = str(scripts)
    return provider
