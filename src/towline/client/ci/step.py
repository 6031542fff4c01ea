"""The step itself, from the first question to the last thing put back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from towline.client._sync import Client
from towline.client._sync.runs import Run
from towline.client.ci.asked import Asked
from towline.client.ci.report import Report
from towline.client.ci.summary import summary_of
from towline.client.ci.usage import Usage
from towline.client.core.runs import exit_code_of
from towline.client.core.started import Stopped
from towline.client.models import ClusterInfo, RunInfo
from towline.errors import DefinitionError, NotInTime, RequestRefused, ServerError, TowlineError

STOP_SECONDS = 120.0
"""For a cancelled run to clean up after itself before its clusters are looked at."""


class Cancelled(BaseException):
    """The job was cancelled."""


class OutOfTime(BaseException):
    """The step has had all the time that it was given."""


@dataclass(frozen=True)
class Result:
    """How a step has ended."""

    exit_code: int
    run: RunInfo | None = None


def run_step(
    client: Client,
    asked: Asked,
    usage: Usage,
    report: Report,
    *,
    environment: Mapping[str, str],
    quiet: Callable[[], None],
) -> Result:
    """Do the step; whatever ends it, what it began is put back.

    Args:
        client: of the server.
        asked: what to do.
        usage: remembers what is begun.
        report: shows it.
        environment: of the job.
        quiet: is called when the end has begun: from now on no signal may interrupt it.

    Raises:
        TowlineError: the server, a cluster or the inputs said no. The run's own failure is no
            error, but in the result.

    """
    client._started.clusters[:] = usage.clusters
    client._started.runs[:] = usage.runs
    client._started.changed = lambda: usage.keep(client._started)
    went_well = False
    try:
        _clusters_on(client, asked, report)
        if not asked.workflow:
            went_well = True
            return Result(0)
        run = _launch(client, asked, usage, report, environment)
        info = _follow(run, report)
        _hand_over(run, info, asked, report)
        went_well = True
        return Result(exit_code_of(info), info)
    except Cancelled:
        report.warning("the job was cancelled")
        return Result(130, _ended(client, usage))
    except OutOfTime:
        waited = f"{asked.seconds:.0f} s"
        report.error(NotInTime("towline ci", f"not done within {waited}", "raise the timeout"))
        return Result(NotInTime.exit_code, _ended(client, usage))
    finally:
        quiet()
        _put_back(client, asked, usage, report, cancel=not went_well)


def finish(client: Client, asked: Asked, usage: Usage, report: Report) -> Stopped:
    """Put back what an interrupted step has begun."""
    client._started.clusters[:] = usage.clusters
    client._started.runs[:] = usage.runs
    client._started.changed = lambda: usage.keep(client._started)
    return _put_back(client, asked, usage, report, cancel=True)


def _clusters_on(client: Client, asked: Asked, report: Report) -> None:
    if not asked.clusters:
        return
    with report.group(f"Clusters: {', '.join(asked.clusters)}"):
        for name in asked.clusters:  # all boot at the same time
            client.clusters[name].start()

        def look(seen: ClusterInfo) -> None:
            report.say(f"{seen.name}: {seen.state}{f': {seen.reason}' if seen.reason else ''}")

        for name in asked.clusters:
            client.clusters[name].wait("on", look=look)


def _launch(
    client: Client, asked: Asked, usage: Usage, report: Report, environment: Mapping[str, str]
) -> Run:
    word = "goes on" if usage.launching else "launched"
    usage.launching = usage.key(environment, asked.workflow, asked.inputs)
    usage.save()
    run = _launched(client, asked, usage)
    report.say(f"run {run.number} of {asked.workflow} {word}: {run.url}")
    report.result({"run-id": str(run.number), "url": run.url, "status": "running"})
    return run


def _launched(client: Client, asked: Asked, usage: Usage) -> Run:
    """Return the run of this use's key: launched now, or by an earlier request."""
    workflow = client.workflows[asked.workflow]
    run = workflow.launch(asked.inputs, title=asked.title, key=usage.launching)
    usage.run = int(run.number)
    usage.save()
    return run


def _follow(run: Run, report: Report) -> RunInfo:
    with report.group(f"Log of run {run.number}"), report.output():
        errors = threading.Thread(target=_follow_stderr, args=(run, report), daemon=True)
        errors.start()
        for text in run.follow():
            report.text(text)
        errors.join(10.0)
    return run.wait()


def _follow_stderr(run: Run, report: Report) -> None:
    try:
        for text in run.follow("stderr"):
            report.text(text)
    except TowlineError:
        return  # the other stream says what is wrong


def _hand_over(run: Run, info: RunInfo, asked: Asked, report: Report) -> None:
    """Fetch outputs, write the step's results and the job's summary."""
    fetched: list[Path] = []
    if asked.folder is not None:
        try:
            fetched = run.download(asked.folder)
        except TowlineError as error:
            report.warning(f"outputs of run {run.number} were not fetched: {error}")
        else:
            report.say(f"outputs: {len(fetched)} in {asked.folder}")
    report.result({"status": info.state, "outputs": str(asked.folder or "")})
    names = [str(path) for path in fetched]
    report.summary(summary_of(info, run.url, names, "" if info.ok else run.log("stderr")))
    because = f": {info.reason}" if info.reason and not info.ok else ""
    report.say(f"run {run.number} {info.state}{because}")
    if not info.ok:
        words = f"{info.state}{because}" if info.state != "succeeded" else "leftovers remain"
        look = f"towline run show {run.number} --server {run.url.rpartition('/runs/')[0]}"
        report.error(TowlineError(f"run {run.number}", words, look))


def _ended(client: Client, usage: Usage) -> RunInfo | None:
    """Return the run as it is, as far as it can be seen."""
    if usage.run is None:
        return None
    try:
        return client.runs[usage.run].info()
    except ServerError:
        return None


def _put_back(
    client: Client, asked: Asked, usage: Usage, report: Report, *, cancel: bool
) -> Stopped:
    begun = client._started
    if cancel and usage.launching and usage.run is None:
        try:
            _launched(client, asked, usage)  # it may have been received: find out which run it is
        except (DefinitionError, RequestRefused):
            pass  # it was refused: there is no run
        except TowlineError as error:
            report.warning(f"whether a run was launched is not known: {error}")
            return Stopped()
    if not asked.stop_clusters:
        begun.clusters.clear()
    if not begun.clusters and not (cancel and begun.runs):
        usage.finished = True
        usage.save()
        return Stopped()
    with report.group("Putting back what this step has begun"):
        stopped = client.stop_what_i_started(runs=cancel, timeout=STOP_SECONDS)
        for number in stopped.runs:
            report.say(f"run {number} cancelled")
        for name in stopped.clusters:
            report.say(f"cluster {name}: switched off")
    for number, why in stopped.left_running.items():
        report.warning(f"run {number} could not be cancelled: {why}")
    for name, why in stopped.left_on.items():
        report.warning(f"cluster {name} stays on: {why}")
    if stopped.runs:
        report.result({"status": "cancelled"})
    usage.finished = not stopped.left_running
    usage.keep(begun)
    return stopped
