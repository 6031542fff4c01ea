"""The script of a run that is one batch job.

The supervisor starts it like any other script; ``batch.json`` in the run folder says what the job
is to be. It ends with the exit code of the job's program. Whatever ends it, the run's ledger says
what it has made on the cluster, and the supervisor, or a reaper, removes that.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from towline.clusters import ClusterDefinition, ClusterStore
from towline.engine.batch_job import BatchRequest, read_on
from towline.errors import DefinitionError
from towline.runs.attach import AttachedRun, attach
from towline.runs.folder import RunFolder

_START = """\
import sys
if sys.path[:1] == [""]: del sys.path[0]
from towline.runs.batch_job import main
sys.exit(main())"""
COMMAND = (sys.executable, "-c", _START)
"""What a supervisor runs in place of a script, in the working folder.

As ``-m`` does, but what lies in the working folder, such as a ``platform.py``, is not imported.
"""

LOCAL = "local"
GRACE_SECONDS = 10.0
"""For a program on this machine to end by itself after its walltime."""
TIMED_OUT = 124


def request_path(folder: RunFolder) -> Path:
    """Return where a run folder says what its batch job is to be."""
    return folder.path / "batch.json"


def main() -> int:
    """Run this run's batch job and return the exit code of its program.

    Raises:
        TowlineError: the job could not be run, or the scheduler ended it.

    """
    signal.signal(signal.SIGTERM, _stop)
    run = attach()
    request = BatchRequest.read(request_path(run.folder))
    if os.environ.get("TOWLINE_SECRETS_FD"):
        raise DefinitionError(
            "secret inputs",
            "a batch job cannot take secrets: nothing but files could bring them to its node",
            "run it on the workspace (leave `on` out), or keep the secret on the cluster",
        )
    wanted, _ = read_on(request.on)
    definition = _cluster(wanted.cluster)
    if definition.type == LOCAL:
        return run_here(request, wanted.walltime_minutes * 60 if "walltime" in request.on else None)
    return _there(run, request, definition)


def _there(run: AttachedRun, request: BatchRequest, definition: ClusterDefinition) -> int:
    from towline.engine.batch_job.job import BatchJob

    with open(1, "wb", 0, closefd=False) as stdout, open(2, "wb", 0, closefd=False) as stderr:
        job = BatchJob(
            request,
            definition,
            run.tag,
            Path.cwd(),
            run.folder.blocks,
            run.report,
            run.ledger,
            stdout,
            stderr,
        )
        return job.run()


def run_here(request: BatchRequest, seconds: float | None) -> int:
    """Run the program on this machine: the cluster ``local`` has no scheduler and no distance.

    Args:
        request: what to run; its working folder is this process's.
        seconds: its walltime; None: it has none.

    Returns:
        Its exit code, as a shell says it; 124 after the walltime.

    Raises:
        DefinitionError: it cannot be started.

    """
    environment = {**os.environ}
    if request.inputs:
        environment["TOWLINE_INPUTS"] = request.inputs
    try:
        program = subprocess.Popen(request.argv, env=environment, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise DefinitionError(
            f"run: {request.argv[0]}", f"cannot be started: {error.strerror}"
        ) from error
    try:
        return _as_shells_say(program.wait(seconds))
    except subprocess.TimeoutExpired:
        program.terminate()
        try:
            program.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
        print(f"error: the walltime of {seconds:.0f} s is over", file=sys.stderr)
        return TIMED_OUT
    except BaseException:
        program.send_signal(signal.SIGINT)
        try:
            program.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            program.terminate()
        raise


def _as_shells_say(code: int) -> int:
    return 128 - code if code < 0 else code


def _cluster(name: str) -> ClusterDefinition:
    store = ClusterStore()
    if name == LOCAL and name not in store.names():
        return ClusterDefinition(name=LOCAL, type="local")
    return store.load(name)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # the clean-up is not to be cut short by a second one
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
