"""A mixin that lets one of Parsl's batch providers work on a cluster behind SSH.

Put before the provider in the bases::

    class SlurmOverSSH(OverSSH, SlurmProvider): ...

Parsl's class writes the job script, names the submit command and reads the job's id; the mixin
sends it over SSH from the cluster's batch thread and answers ``status`` and ``cancel`` at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parsl.jobs.states import JobStatus
from parsl.providers.errors import SubmitException

from towline.engine.batch import BatchThread
from towline.engine.blocks import Block
from towline.engine.schedulers.commands import path_line
from towline.engine.site import Site
from towline.engine.submitting import SubmissionFailed
from towline.errors import CommandTimedOut, TowlineError
from towline.ssh import quote

SUBMIT_SECONDS = 30
"""Given to the submit command on the controller; longer means: the answer is lost."""


class OverSSH:
    """Sends a Parsl provider's commands over SSH; never blocks, never raises from Parsl's calls."""

    submit_command: str
    """First word of the command that Parsl's provider submits with, such as ``sbatch``."""

    job_id_form = re.compile(r"\d\S*")
    """What Parsl's provider takes from the answer is a job's id only if it looks like one."""

    output_suffix = ""
    """What some of Parsl's templates put between a job's name and ``.stdout``."""

    def submit_arguments(self, job_name: str) -> str:
        """Return what follows the submit command, quoted; nothing unless a scheduler needs it."""
        return ""

    def submit_shell(self, job_name: str) -> str:
        """Return the sh line that submits the script on stdin; it prints what Parsl reads."""
        limit = f"$(command -v timeout >/dev/null && echo timeout -k 5 {SUBMIT_SECONDS})"
        command = f"{self.submit_command} {self.submit_arguments(job_name)}".rstrip()
        return f"{path_line(self._site.facts, self.submit_command)}{limit} {command}"

    def __init__(self, site: Site, batch: BatchThread, label: str, **options: Any) -> None:
        self._site = site
        self._batch = batch
        self._executor_label = label
        self._sending: Block | None = None
        self._trouble: Exception | None = None
        self._script = Path()
        super().__init__(**options)

    # -- what Parsl calls --------------------------------------------------------------------

    def submit(self, command: str, tasks_per_node: int, job_name: str = "") -> str:
        """Take a block to submit; return our handle for it at once."""
        parent: Any = super()

        def send(block: Block) -> str:
            self._sending, self._trouble = block, None
            name = self._site.job_name(block.label, block.number)
            try:
                job_id = parent.submit(command, tasks_per_node, name)
            except SubmitException as error:
                if error.retcode != 0 and self._trouble is None:
                    words = error.stderr or error.stdout or str(error)
                    raise SubmissionFailed(words) from error
                job_id = error.stdout
            except Exception as error:
                if self._trouble is None:
                    raise
                raise self._trouble from error
            finally:
                self._sending = None
            if self._trouble is not None:  # some of Parsl's providers only log it
                raise self._trouble
            if not self.job_id_form.fullmatch(str(job_id)):  # taken: it will be found by its name
                raise CommandTimedOut(
                    f"cluster {self._site.name}",
                    f"{self.submit_command} answered without a job id: {job_id}",
                )
            return str(job_id)

        return self._batch.submit(self._executor_label, send).handle

    def status(self, job_ids: Sequence[str]) -> list[JobStatus]:
        """Return each block's last known state."""
        return self._batch.statuses(job_ids)

    def cancel(self, job_ids: Sequence[str]) -> list[bool]:
        """Take blocks to cancel; the batch thread repeats it until it is done."""
        self._batch.cancel(job_ids)
        return [True for _ in job_ids]

    def refusal(self) -> TowlineError | None:
        """Return why no block of this executor will ever be submitted, when that is known."""
        return self._batch.refusal(self._executor_label)

    def look_now(self) -> None:
        """Have the scheduler asked at once."""
        self._batch.look_now()

    @property
    def status_polling_interval(self) -> int:
        """Return how often Parsl may look: each round, as looking costs nothing."""
        return 1

    # -- what Parsl's provider calls -----------------------------------------------------------

    def execute_wait(self, cmd: str, timeout: float | None = None) -> tuple[int, str, str]:
        """Run a command of Parsl's provider on the controller.

        The submit command gets its script on stdin. Anything else a provider asks while it is
        being built (SlurmProvider: is there accounting?) is not needed here: the batch thread
        watches the jobs.
        """
        block = self._sending
        if block is None or not cmd.startswith(f"{self.submit_command} "):
            return 1, "", "not asked: Towline watches the jobs itself"
        try:
            answer = self._site.connection.run(
                f"cd {quote(self._site.folder + '/jobs')} || exit 1\n"
                f"{self.submit_shell(block.job_name)}\n",
                input=self._script.read_bytes(),
                timeout=SUBMIT_SECONDS + 10,
            )
            if answer.exit_code in (124, 137):
                raise CommandTimedOut(
                    f"cluster {self._site.name}",
                    f"{self.submit_command} gave no answer in {SUBMIT_SECONDS} s",
                )
        except Exception as error:
            self._trouble = error
            raise
        if answer.exit_code != 0:
            self._trouble = SubmissionFailed(answer.stderr.strip() or answer.stdout)
        return answer.exit_code, answer.stdout, answer.stderr

    def _write_submit_script(
        self, template: str, script_filename: str, job_name: str, configs: dict[str, Any]
    ) -> None:
        """Write Parsl's job script with the cluster's paths instead of the workspace's."""
        block = self._sending
        assert block is not None, "Parsl's submit runs inside send()"  # noqa: S101
        # TorqueProvider puts a word before the name; our own begins with whose job it is
        job_name = job_name.removeprefix("parsl.")
        jobs = f"{self._site.folder}/jobs"
        self._script = Path(script_filename)
        output = self._site.blocks / "jobs" / f"{block.label}.{block.number}"
        block.local_stdout, block.local_stderr = f"{output}.stdout", f"{output}.stderr"
        block.remote_stdout = f"{jobs}/{job_name}{self.output_suffix}.stdout"
        block.remote_stderr = f"{jobs}/{job_name}{self.output_suffix}.stderr"
        setup = self._site.worker_setup(self._executor_label)
        parent: Any = super()
        parent._write_submit_script(
            template,
            script_filename,
            job_name,
            {
                **configs,
                "submit_script_dir": jobs,
                "job_stdout_path": block.remote_stdout,
                "job_stderr_path": block.remote_stderr,
                "worker_init": f"{configs.get('worker_init', '')}\n{setup}",
            },
        )
        self._batch.intend(block, job_name)
