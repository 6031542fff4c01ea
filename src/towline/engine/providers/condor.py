"""Blocks as HTCondor jobs."""

from __future__ import annotations

import re
from typing import Any

from parsl.launchers import SimpleLauncher
from parsl.providers import CondorProvider

from towline.engine.definitions import ExecutorDefinition
from towline.engine.over_ssh import OverSSH
from towline.engine.providers.common import block_options, cores, hours
from towline.engine.schedulers.condor import Condor
from towline.engine.site import Site
from towline.ssh import quote

GRACE_SECONDS = 120
"""After the walltime, where HTCondor is too old (before 9.5) to keep to it by itself."""

SHORTEST_LEASE = 20
"""Seconds; HTCondor takes no shorter one."""

# A job has neither HOME nor PATH of its own.
_SCRIPT = """\
#!/bin/bash
export HOME=@HOME@ USER=@USER@ LOGNAME=@USER@
export PATH="$${PATH:-/usr/local/bin:/usr/bin:/bin}"
${worker_init}

${user_script}
"""


class CondorOverSSH(OverSSH, CondorProvider):
    """Parsl's CondorProvider with its commands on a controller behind SSH.

    Its own description of a job leaves ended jobs in the queue for ever, has no walltime and
    brings back whatever the workers have written; so it is only used for its commands and answers.
    """

    submit_command = "condor_submit"
    job_id_form = re.compile(r"\d+\.\d+")
    description: tuple[str, ...] = ()

    def submit_shell(self, job_name: str) -> str:
        """Return the lines that keep the script, and submit a description of its job."""
        jobs = f"{self._site.folder}/jobs"
        lines = [
            "universe = vanilla",
            "executable = /bin/bash",
            "transfer_executable = false",
            f"arguments = {job_name}.sh",
            f"transfer_input_files = {jobs}/{job_name}.sh",
            "should_transfer_files = YES",
            "when_to_transfer_output = ON_EXIT",
            'transfer_output_files = ""',
            f"output = {jobs}/{job_name}.stdout",
            f"error = {jobs}/{job_name}.stderr",
            "stream_output = true",
            "stream_error = true",
            f"batch_name = {job_name}",
            "notification = never",
            *self.description,
            "queue 1",
        ]
        return (
            f"cat > {quote(job_name + '.sh')} || exit 1\n"
            f"{super().submit_shell(job_name)} <<'END_OF_JOB'\n"
            + "".join(f"{line}\n" for line in lines)
            + "END_OF_JOB"
        )

    def _write_submit_script(
        self, template: str, script_filename: str, job_name: str, configs: dict[str, Any]
    ) -> None:
        """Write the job's script; Parsl has written its own half of it elsewhere."""
        facts = self._site.facts
        script = _SCRIPT.replace("@HOME@", quote(facts.home)).replace("@USER@", quote(facts.user))
        command = self.launcher(configs["user_script"], configs["tasks_per_node"], 1)
        super()._write_submit_script(
            script, script_filename, job_name, {**configs, "user_script": command}
        )


def condor_provider(site: Site, label: str, wanted: ExecutorDefinition) -> CondorOverSSH:
    """Return the provider of an executor whose workers run in HTCondor jobs."""
    processors = cores(wanted, site.facts) or 1
    provider = CondorOverSSH(
        site,
        site.batch(Condor(site.facts)),
        label,
        cores_per_slot=processors,
        mem_per_slot=float(wanted.mem_per_node) if wanted.mem_per_node else None,
        walltime=hours(wanted.walltime_minutes),
        worker_init="\n".join(wanted.worker_init),
        launcher=SimpleLauncher(),
        **block_options(wanted),
    )
    provider.description = tuple(_description(processors, wanted))
    return provider


def _description(processors: int, wanted: ExecutorDefinition) -> list[str]:
    seconds = wanted.walltime_minutes * 60
    late = seconds + GRACE_SECONDS
    lines = [
        f"request_cpus = {processors}",
        f"allowed_job_duration = {seconds}",
        f"periodic_remove = (JobStatus == 2) && (time() - EnteredCurrentStatus > {late})",
        # a node that is silent is given up when its workers are
        f"job_lease_duration = {max(SHORTEST_LEASE, wanted.heartbeat_threshold)}",
    ]
    if wanted.mem_per_node:
        lines.append(f"request_memory = {wanted.mem_per_node * 1024}")
    if wanted.gpus_per_node:
        lines.append(f"request_gpus = {wanted.gpus_per_node}")
    if wanted.constraint:
        lines.append(f"requirements = {wanted.constraint}")
    if wanted.account:
        lines.append(f"accounting_group = {wanted.account}")
    return [*lines, *wanted.scheduler_options]
