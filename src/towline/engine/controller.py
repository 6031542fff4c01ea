"""Workers on the controller itself: process groups in place of batch jobs.

A block is a process group. Its leader is ``sh <folder>/jobs/<name>.run``, so the name that marks
all of a run's jobs is in its command line; beside it lie ``<name>.pid`` (process id and the
machine's boot id, so that a recycled id is not mistaken) and, once it has ended, ``<name>.exit``.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import Template
from typing import Any

from parsl.jobs.states import JobState
from parsl.launchers import SimpleLauncher
from parsl.providers.cluster_provider import ClusterProvider
from parsl.providers.errors import SubmitException
from parsl.utils import RepresentationMixin, wtime_to_minutes

from towline.engine.blocks import BlockState
from towline.engine.scheduler import NotObserved, Observation, Refusal
from towline.ssh import quote

_SCRIPT = "#!/bin/bash\n${worker_init}\n${user_script}\n"

BOOT = "boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo unknown)\n"

_START = Template(
    """name=$name
cat > "$$name.sh" || exit 1
cat > "$$name.run" <<'END'
echo "$$$$ $$2" > "$$1.pid" || exit 97
trap : TERM
shell=$$(command -v bash || echo sh)
limit='timeout --foreground -k 10 $seconds'
$$limit true 2>/dev/null || limit=
$$limit "$$shell" "$$1.sh" > "$$1.stdout" 2> "$$1.stderr"
echo $$? > "$$1.exit.new"; mv "$$1.exit.new" "$$1.exit"
kill -TERM 0
END
"""
    + BOOT.replace("$", "$$")
    + """job=$$PWD/$$name
$$(command -v setsid) sh "$$job.run" "$$job" "$$boot" </dev/null >/dev/null 2>&1 &
n=0
until [ -e "$$name.pid" ]; do
  n=$$((n+1)); [ $$n -lt 100 ] || { echo "it did not start: is the disk full?" >&2; exit 1; }
  sleep 0.1
done
echo "started $$!"
"""
)

_LIST = Template(
    BOOT.replace("$", "$$")
    + """cd $jobs || { echo '@@failed'; exit 0; }
for file in $prefix*.pid; do
  [ -e "$$file" ] || continue
  name=$${file%.pid}; read pid booted < "$$file"
  if [ -e "$$name.exit" ]; then state=exit:$$(cat "$$name.exit")
  elif [ "$$booted" = "$$boot" ] && kill -0 "-$$pid" 2>/dev/null; then state=running
  else state=gone; fi
  echo "$$pid|$$state|$$name"
done
echo '@@end'
"""
)

_CANCEL = Template(
    BOOT.replace("$", "$$")
    + """cd $jobs || exit 0
for file in *.pid; do
  [ -e "$$file" ] || continue
  read pid booted < "$$file"
  case " $ids " in *" $$pid "*) ;; *) continue ;; esac
  [ "$$booted" = "$$boot" ] || continue
  kill -TERM "-$$pid" 2>/dev/null || continue
  (sleep 3; kill -KILL "-$$pid") </dev/null >/dev/null 2>&1 &
done
"""
)


def start_group(name: str, seconds: int) -> str:
    """Return the sh lines that start the script on stdin as a process group, in ``jobs``."""
    return _START.substitute(name=quote(name), seconds=seconds)


class ControllerBatch(ClusterProvider, RepresentationMixin):
    """A Parsl provider whose batch system is the controller's own process table."""

    start_command = "start-on-controller"

    def __init__(
        self,
        walltime: str,
        worker_init: str = "",
        init_blocks: int = 1,
        min_blocks: int = 0,
        max_blocks: int = 1,
        parallelism: float = 1,
    ) -> None:
        super().__init__(
            "controller",
            1,
            init_blocks,
            min_blocks,
            max_blocks,
            parallelism,
            walltime,
            SimpleLauncher(),
        )
        self.worker_init = worker_init
        self.cores_per_node = None
        self.mem_per_node = None

    def submit(self, command: str, tasks_per_node: int, job_name: str = "parsl") -> str:
        """Start a block; return its process id."""
        path = f"{self.script_dir}/{job_name}"
        self._write_submit_script(
            _SCRIPT,
            path,
            job_name,
            {
                "worker_init": self.worker_init,
                "user_script": self.launcher(command, tasks_per_node, 1),
                "job_stdout_path": f"{path}.stdout",
                "job_stderr_path": f"{path}.stderr",
            },
        )
        code, stdout, stderr = self.execute_wait(f"{self.start_command} {path}")
        if code != 0 or not stdout.startswith("started "):
            raise SubmitException(
                job_name, "no process", stdout=stdout, stderr=stderr, retcode=code
            )
        return str(stdout.split()[1])

    def start_shell(self, job_name: str) -> str:
        """Return the sh lines that start the script on stdin as a process group of its own."""
        return start_group(job_name, wtime_to_minutes(self.walltime) * 60)

    def _status(self) -> None:
        """Do nothing: the batch thread watches the blocks."""

    def cancel(self, job_ids: Sequence[Any]) -> list[bool]:
        """Refuse: the batch thread cancels the blocks."""
        return [False for _ in job_ids]

    @property
    def status_polling_interval(self) -> int:
        """Return seconds between looks; looking costs nothing."""
        return 1


class ControllerProcesses:
    """The controller's process table, as a :class:`~towline.engine.scheduler.Scheduler`."""

    name = "controller"
    submit_command = ControllerBatch.start_command
    cancel_command = "kill"
    settle_seconds = 0.0

    def __init__(self, folder: str) -> None:
        self._jobs = quote(f"{folder}/jobs")

    def list_script(self, prefix: str) -> str:
        """Return a script that lists the blocks of this run."""
        return _LIST.substitute(jobs=self._jobs, prefix=quote(prefix))

    def read_list(self, output: str) -> list[Observation]:
        """Read ``pid|state|name`` lines."""
        lines = output.splitlines()
        if not lines or lines[-1] != "@@end":
            raise NotObserved("the run's folder on the controller cannot be read")
        return [_observation(*line.split("|", 2)) for line in lines[:-1] if line.count("|") >= 2]

    def detail_script(self, job_ids: Sequence[str]) -> str:
        """Return a script that says nothing: the listing forgets no block."""
        return ": " + quote(*job_ids)

    def read_detail(self, output: str) -> list[Observation]:
        """Return nothing."""
        return []

    def living_script(self, prefix: str) -> str:
        """Return a script that prints nothing: processes are ended by their folder."""
        return ": " + quote(prefix)

    def cancel_script(self, job_ids: Sequence[str]) -> str:
        """Return a script that ends process groups, at the latest three seconds on."""
        return _CANCEL.substitute(jobs=self._jobs, ids=" ".join(quote(i) for i in job_ids))

    def read_refusal(self, words: str) -> Refusal:
        """Read the words of a start that failed: the folder is full or gone."""
        return Refusal(words.strip() or "the block could not be started", True, False)


def _observation(pid: str, state: str, name: str) -> Observation:
    if state == "running":
        return Observation(pid, name, BlockState.RUNNING, nodes="controller")
    if state.startswith("exit:"):
        code = state.removeprefix("exit:")
        outcome = {"0": JobState.COMPLETED, "124": JobState.TIMEOUT}.get(code, JobState.FAILED)
        reason = "time limit reached" if code == "124" else f"exit code {code}"
        return Observation(pid, name, BlockState.ENDED, outcome, reason, "controller")
    return Observation(pid, name, BlockState.ENDED, JobState.FAILED, "its processes are gone")
