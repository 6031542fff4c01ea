"""Try an environment the way a worker will use it, before anything is submitted."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version

from towline.environments.closure import select
from towline.environments.cluster_side import Connection, Report, marked, program, silent
from towline.environments.comparison import SERIALISES, Expected, fatal, warnings
from towline.environments.environment import Environment
from towline.environments.installed import installed_here
from towline.environments.interpreter import this_workspace
from towline.environments.layers import PROBE
from towline.environments.locate import ACTIVATION_SECONDS, as_job
from towline.environments.worker_python import WorkerPython, read_worker_python
from towline.errors import EnvironmentMismatch

NOTHING = "Nothing was submitted."


@dataclass(frozen=True)
class PreflightReport:
    """An environment that passed, and what is odd about it."""

    worker: WorkerPython
    warnings: tuple[str, ...]
    remembered: bool
    """Passed at an earlier time and not changed since; nothing was run now."""


def preflight(
    environment: Environment,
    connection: Connection,
    *,
    cluster: str,
    executor: str,
    report: Report | None = None,
) -> PreflightReport:
    """Check that workers can run in the environment: Python minor, exact Parsl, imports.

    Goes through the worker's own command prefix: the activation lines and the environment's Python.
    A copy that was tried with these lines and has not changed since is not tried again.

    Raises:
        EnvironmentMismatch: workers could not work with the script; says why and what to do.
        ReachError: the connection failed.

    """
    report = silent if report is None else report
    worker = environment.checked
    remembered = worker is not None
    if worker is None:
        worker = _try(environment, connection, cluster, executor)
    expected = _expected(environment)
    if (fault := fatal(expected, worker)) is not None:
        thing = f"{cluster}/{executor}"
        raise EnvironmentMismatch(thing, f"{fault.cause}. {NOTHING}", fault.next_step)
    odd = warnings(expected, worker)
    report(
        "preflight",
        cluster=cluster,
        executor=executor,
        python=worker.version,
        parsl=worker.parsl,
        warnings=list(odd),
        remembered=remembered,
    )
    return PreflightReport(worker, odd, remembered)


def _expected(environment: Environment) -> Expected:
    workspace = this_workspace()
    # A copy is exact: only another environment is compared package by package.
    exact = environment.ours and environment.kind != "container"
    others = [] if exact else select(installed_here())
    if environment.kind == "conda":  # its packages are its own; what reads functions must match
        others = [package for package in select(installed_here()) if package.name == SERIALISES]
    return Expected(
        version=workspace.version,
        implementation=workspace.implementation,
        parsl=version("parsl"),
        packages={package.name: package.version for package in others},
        changeable=not environment.ours,
        advice=_ADVICE.get(environment.kind, ""),
    )


_ADVICE = {
    "container": "use an image with glibc and an unaltered Python; Towline lays the script's Parsl "
    "over it",
    "conda": "leave env_parsl out, and the script's Parsl is added to what the file asks for",
}


def _try(
    environment: Environment, connection: Connection, cluster: str, executor: str
) -> WorkerPython:
    probe = resources.files("towline.environments").joinpath(PROBE).read_text(encoding="utf-8")
    then = program(
        "try_out",
        python=environment.python,
        probe=probe,
        prefix=environment.prefix if environment.ours else "",
        check=environment.activation_digest,
    )
    answer = connection.run(as_job(environment.activation, then), timeout=ACTIVATION_SECONDS)
    said = marked(answer.stdout)
    try:
        return read_worker_python(said["python"][0])
    except (IndexError, ValueError):
        words = [*said["said"], *_lines(answer.stderr)]
        raise EnvironmentMismatch(
            f"{cluster}/{executor}",
            f"the environment's Python does not start: {words[-1] if words else 'no words'}. "
            + NOTHING,
            f"try it on the cluster: {shlex.quote(environment.python)} -c 'import parsl'",
        ) from None


def _lines(output: str | bytes) -> list[str]:
    text = output.decode(errors="replace") if isinstance(output, bytes) else output
    return text.strip().splitlines()
