"""Blocks on the controller itself."""

from __future__ import annotations

from towline.engine.controller import ControllerBatch, ControllerProcesses
from towline.engine.definitions import ExecutorDefinition
from towline.engine.over_ssh import OverSSH
from towline.engine.providers.common import block_options, hours
from towline.engine.site import Site


class ControllerOverSSH(OverSSH, ControllerBatch):
    """Blocks as plain processes on the controller, without a scheduler."""

    submit_command = ControllerBatch.start_command

    def submit_shell(self, job_name: str) -> str:
        """Return the lines that start the script on stdin as a process group of its own."""
        return self.start_shell(job_name)


def controller_provider(site: Site, label: str, wanted: ExecutorDefinition) -> ControllerOverSSH:
    """Return the provider of an executor whose workers run on the controller itself."""
    return ControllerOverSSH(
        site,
        site.batch(ControllerProcesses(site.folder)),
        label,
        walltime=hours(wanted.walltime_minutes),
        worker_init="\n".join(wanted.worker_init),
        **block_options(wanted),
    )
