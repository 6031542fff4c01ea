"""Run text on a cluster as a job would: in its shell, after the activation lines."""

from __future__ import annotations

import shlex
from dataclasses import replace

from towline.environments.cluster_side import Connection, marked, program
from towline.environments.environment import Environment
from towline.environments.request import EnvironmentRequest
from towline.errors import EnvironmentMismatch, InterpreterMissing

ACTIVATION_SECONDS = 120
"""Limit of activation lines; on a slow file system conda alone may take half a minute."""


def as_job(activation: str, then: str) -> str:
    """Return sh text that runs the activation lines and then `then`, in bash as jobs do."""
    lines = shlex.quote(f"{activation}{then}")
    return (
        f"lines={lines}\n"
        'if command -v bash >/dev/null 2>&1; then exec bash -c "$lines"; fi\n'
        'exec sh -c "$lines"\n'
    )


def locate(
    environment: Environment, connection: Connection, cluster: str, request: EnvironmentRequest
) -> Environment:
    """Return an existing environment with the absolute path of the Python that it brings.

    Raises:
        InterpreterMissing: its lines bring none.
        EnvironmentMismatch: its lines fail; their own words are the cause.

    """
    wanted = _candidates(environment, request)
    script = program("locate", wanted=shlex.join(wanted))
    answer = connection.run(as_job(environment.activation, script), timeout=ACTIVATION_SECONDS)
    found = marked(answer.stdout)
    if "end" not in found:
        said = _text(answer.stderr).strip().splitlines()
        raise EnvironmentMismatch(
            f"cluster {cluster}",
            f"the environment cannot be activated: {said[-1] if said else 'no words'}",
            "try its lines in a shell on the cluster",
        )
    if "executable" not in found:
        said = _text(answer.stderr).strip().splitlines()
        cause = f"there is no {' or '.join(wanted)} in the environment"
        raise InterpreterMissing(
            f"cluster {cluster}",
            f"{cause}: {said[-1]}" if said else cause,
            "check its folder or name, or set kind: sync and Towline brings one",
        )
    return replace(environment, python=found["executable"][0])


def _candidates(environment: Environment, request: EnvironmentRequest) -> list[str]:
    if environment.python:
        return [environment.python]
    names = [f"python{request.python_minor}"] if request.python_minor else ["python", "python3"]
    folder = f"{environment.prefix}/bin/" if environment.prefix else ""
    return [f"{folder}{name}" for name in names]


def _text(output: str | bytes) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output
