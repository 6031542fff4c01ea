"""``towline ci``: one step of a CI job, on a server; the GitHub Action is this command."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from towline.errors import DefinitionError, TowlineError

if TYPE_CHECKING:
    from towline.client.ci import Asked, Report, Usage

CI_EXIT_CODES = (
    "Exit codes: 0 the run succeeded, 1 its script failed, 2 wrong input, 3 a cluster cannot be "
    "reached, 4 the site said no, 5 environment, 6 run lost or leftovers, 8 the server is away or "
    "failed, 9 the API key is wrong or may not do this, 124 out of time, 130 cancelled. "
    "The key is only read from TOWLINE_API_KEY."
)
_TALK = "The name of the action of 2022 for "

PATIENCE, FIRST_PATIENCE = 180.0, 60.0
"""Seconds for a server that restarts, and for one that is just being started."""

app = typer.Typer(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})


def _option(help_: str, variable: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=help_, envvar=variable, show_envvar=True, **more)


@app.command(epilog=CI_EXIT_CODES)
def ci(
    server: Annotated[
        str, _option("Address of the server; default: your own.", "TOWLINE_SERVER", metavar="URL")
    ] = "",
    workflow: Annotated[str, _option("Workflow to launch.", "TOWLINE_CI_WORKFLOW")] = "",
    inputs: Annotated[
        str, _option("Its inputs, as a JSON object.", "TOWLINE_CI_INPUTS", metavar="JSON")
    ] = "",
    clusters: Annotated[
        str,
        _option("Clusters to switch on where they are off: a,b.", "TOWLINE_CI_CLUSTERS"),
    ] = "",
    stop_clusters: Annotated[
        str,
        _option(
            "true: switch off at the end those that it switched on and nobody uses.",
            "TOWLINE_CI_STOP_CLUSTERS",
            metavar="true|false",
        ),
    ] = "true",
    timeout: Annotated[
        str,
        _option("For all of it: 90s, 30m, 2h. Then the run is cancelled.", "TOWLINE_CI_TIMEOUT"),
    ] = "6h",
    artifacts: Annotated[
        str,
        _option("Folder for the run's outputs; none: leave them.", "TOWLINE_CI_ARTIFACTS"),
    ] = "towline-outputs",
    title: Annotated[str, _option("A line to know the run by.", "TOWLINE_CI_TITLE")] = "",
    results: Annotated[
        str, _option("Append TOWLINE_RUN_ID, _STATUS, _URL to this file.", "TOWLINE_CI_RESULTS")
    ] = "",
    state: Annotated[
        str,
        _option(
            "File that remembers what was begun, so that a killed step is taken up, not repeated.",
            "TOWLINE_CI_STATE",
        ),
    ] = "",
    finish: Annotated[
        bool,
        typer.Option("--finish", help="Put back what a killed step has begun; else do nothing."),
    ] = False,
    user: Annotated[
        str,
        _option(
            _TALK + "the key's user: said when it is another.", "TOWLINE_CI_PW_USER", "--pw-user"
        ),
    ] = "",
    workflow_name: Annotated[
        str, _option(_TALK + "--workflow.", "TOWLINE_CI_WORKFLOW_NAME", "--workflow-name")
    ] = "",
    parameters: Annotated[
        str,
        _option(
            _TALK + "--inputs; keys may be section|param.",
            "TOWLINE_CI_WORKFLOW_PARAMETERS",
            "--workflow-parameters",
            metavar="JSON",
        ),
    ] = "",
    pools: Annotated[
        str,
        _option(
            _TALK + "--clusters: a---b; --- is none.",
            "TOWLINE_CI_RESOURCE_POOL_NAMES",
            "--resource-pool-names",
        ),
    ] = "",
) -> None:
    """Switch clusters on, launch a workflow, follow it, fetch its outputs, put all back.

    Made for CI: a repeated step does not launch twice, a cancelled job cancels its run, clusters
    that others use are left on.
    """
    from towline.client import ci as room

    signals = _Signals()
    report = _report(results)
    environment = dict(os.environ)
    usage_file = _usage_file(state, environment)
    usage = room.Usage.read(usage_file) if finish else room.Usage.begin(usage_file)
    if finish and (usage is None or usage.finished):
        return
    assert usage is not None  # noqa: S101 - only --finish may have none
    try:
        asked = room.Asked(
            workflow=workflow or workflow_name,
            inputs=room.read_inputs(inputs or parameters, "inputs"),
            clusters=room.read_clusters(clusters or pools),
            stop_clusters=_read_truth("stop-clusters", stop_clusters),
            seconds=room.read_seconds(timeout),
            folder=None if artifacts in ("", "none") else Path(artifacts),
            title=title or _title(environment),
        )
        _need_something(asked, finish=finish)
        if finish:
            with _client(server) as client:
                room.finish(client, asked, usage, report)
            return
        signals.watch(asked.seconds)
        code = _run(server, asked, usage, report, environment, signals, user)
    except TowlineError as error:
        report.error(error)
        report.result({"status": "error"})
        raise typer.Exit(error.exit_code) from None
    except room.Cancelled:
        raise typer.Exit(130) from None
    except room.OutOfTime:
        raise typer.Exit(124) from None
    raise typer.Exit(code)


def _run(
    server: str,
    asked: Asked,
    usage: Usage,
    report: Report,
    environment: dict[str, str],
    signals: _Signals,
    user: str,
) -> int:
    from towline.client.ci import run_step

    with _client(server) as client:
        me = client.me()  # a wrong key is said here, before anything is waited for
        report.say(f"{client.url}: {me.name} ({me.role})")
        if user and user != me.name:
            report.warning(f"pw-user is {user}, but the key is of {me.name}: the key counts")
        result = run_step(
            client, asked, usage, report, environment=environment, quiet=signals.ignore
        )
    return result.exit_code


def _client(server: str) -> Any:
    """Return a context manager of a client that stops nothing by itself."""
    from contextlib import closing

    from towline.client import Client

    return closing(Client(server or None, patience=PATIENCE, first_patience=FIRST_PATIENCE))


def _need_something(asked: Asked, *, finish: bool) -> None:
    if not finish and not asked.workflow and not asked.clusters:
        raise DefinitionError(
            "towline ci", "neither a workflow nor a cluster is named", "--workflow"
        )


def _report(results: str) -> Report:
    from towline.client.ci import GithubReport, PlainReport

    if os.environ.get("GITHUB_ACTIONS") == "true":
        return GithubReport()
    return PlainReport(results=Path(results) if results else None)


def _usage_file(state: str, environment: dict[str, str]) -> Path | None:
    """Return where to remember what was begun: where the job's own temporary files are."""
    import hashlib

    from towline.client.ci.usage import job_of

    if state:
        return Path(state)
    job = job_of(environment)
    if job is None:
        return None
    name = f"towline-ci-{os.getuid()}-{hashlib.sha256(job.encode()).hexdigest()[:16]}.json"
    return Path(environment.get("RUNNER_TEMP") or tempfile.gettempdir()) / name


def _title(environment: dict[str, str]) -> str | None:
    """Return what the run is for, where the CI system says it."""
    where = environment.get("GITHUB_REPOSITORY") or environment.get("CI_PROJECT_PATH")
    commit = environment.get("GITHUB_SHA") or environment.get("CI_COMMIT_SHA") or ""
    return f"{where} {commit[:8]}".strip() if where else environment.get("BUILD_TAG")


def _read_truth(name: str, text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    try:
        return words[text.strip().lower() or "true"]
    except KeyError:
        raise DefinitionError(name, f"{text!r} is neither true nor false") from None


class _Signals:
    """Turns a cancelled job and the end of its time into exceptions, until the end has begun."""

    def watch(self, seconds: float) -> None:
        """Begin."""
        from towline.client.ci import Cancelled, OutOfTime

        def cancelled(number: int, frame: Any) -> None:
            self.ignore()
            raise Cancelled

        def out_of_time(number: int, frame: Any) -> None:
            self.ignore()
            raise OutOfTime

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, cancelled)
        signal.signal(signal.SIGALRM, out_of_time)
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def ignore(self) -> None:
        """Let nothing interrupt what is to be put back."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
