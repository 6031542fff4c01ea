"""The command that starts Parsl's worker pool on a node, made from Parsl's own.

Parsl's default command names paths and addresses of the workspace. Here they become variables
that the job script sets for its own machine.
"""

from __future__ import annotations

import shlex
import sys

from parsl.executors.high_throughput.executor import DEFAULT_LAUNCH_CMD
from parsl.version import VERSION as PARSL_VERSION

from towline.errors import EnvironmentMismatch

POOL_MODULE = "parsl.executors.high_throughput.process_worker_pool"

INTERCHANGE_COMMAND = [sys.executable, "-m", "towline.engine.interchange"]
"""By module, so that a script started by an interpreter's path finds it without any PATH."""

_REPLACED = {
    "process_worker_pool.py": f'"$TOWLINE_PYTHON" -m {POOL_MODULE}',
    "-a {addresses}": '-a "$TOWLINE_ADDRESS"',
    "--port={worker_port}": '--port="$TOWLINE_PORT"',
    "--cert_dir {cert_dir}": '--cert_dir "$TOWLINE_CERTS"',
    "--logdir={logdir}": '--logdir="$TOWLINE_LOGS"',
    "--logconf={logconf}": "--logconf=None",
}


def remote_launch_command(parsl_command: str = DEFAULT_LAUNCH_CMD) -> str:
    """Return a ``launch_cmd`` for workers on another machine.

    Raises:
        EnvironmentMismatch: this Parsl's command lacks a part that must be replaced.

    """
    command = parsl_command
    for theirs, ours in _REPLACED.items():
        if theirs not in command:
            raise EnvironmentMismatch(
                f"parsl {PARSL_VERSION}",
                f"its worker command has no {theirs!r}; this Towline does not know this Parsl",
                "install the Parsl that Towline's release notes name",
            )
        command = command.replace(theirs, ours)
    return command


def local_launch_command(parsl_command: str = DEFAULT_LAUNCH_CMD) -> str:
    """Return a ``launch_cmd`` for workers on this machine, found without any PATH."""
    python = shlex.quote(sys.executable).replace("{", "{{").replace("}", "}}")
    return parsl_command.replace("process_worker_pool.py", f"{python} -m {POOL_MODULE}")
