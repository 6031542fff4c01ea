"""What a server answers, as the local rooms have it: the same views show both."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from towline.client import Client, RunInfo
from towline.client.models import RunEvent, RunTask
from towline.runs.catalog import RunSummary
from towline.runs.events import Event
from towline.runs.folder import Asked
from towline.runs.state import RunState
from towline.runs.tasks import TaskTry, TryState
from towline.runs.view import RunView, fold


def seconds_of(moment: datetime | None) -> float | None:
    """Return unix seconds; None for None."""
    return None if moment is None else moment.timestamp()


def summary_of(run: RunInfo) -> RunSummary:
    """Return a run of a server's list."""
    return RunSummary(
        number=run.number,
        tag=run.tag,
        state=RunState(run.state),
        created=seconds_of(run.created) or 0.0,
        seconds=run.seconds,
        script=script_of(run),
        argv=run.arguments,
        done=run.tasks.done,
        failed=run.tasks.failed,
        total=run.tasks.total,
        clusters=run.clusters,
        exit_code=run.exit_code,
        reason=run.reason or "",
        leftovers=run.leftovers,
    )


def script_of(run: RunInfo) -> str:
    """Return what a run executes: its workflow, or the script's path on the server."""
    return run.workflow.name if run.workflow else run.script or ""


def asked_of(run: RunInfo) -> Asked:
    """Return what was asked for, of a run with its details."""
    details = run.details or {}
    return Asked(
        number=run.number,
        tag=run.tag,
        created=seconds_of(run.created) or 0.0,
        script=script_of(run),
        argv=run.arguments,
        python=str(details.get("python", "")),
        cwd=str(details.get("working_folder", "")),
        user=run.owner or "",
        host=str(details.get("host", "")),
        creator={},
        clusters=dict(details.get("cluster_choice") or {}),
    )


def view_of(run: RunInfo, events: Iterable[RunEvent]) -> RunView:
    """Return the picture of a run, folded from its events as it is here."""
    view = fold(Event(seconds_of(each.time) or 0.0, each.event, each.facts) for each in events)
    view.number, view.tag, view.script = run.number, run.tag, script_of(run)
    view.created = view.created or seconds_of(run.created) or 0.0
    if not view.state.final:
        view.state = RunState(run.state)  # the server has seen whether the supervisor is there
        view.reason = view.reason or run.reason or ""
    return view


def tries_of(tasks: Iterable[RunTask]) -> list[TaskTry]:
    """Return the tries of a run's tasks."""
    return [
        TaskTry(
            task=each.task,
            number=each.number,
            app=each.app,
            executor=each.executor,
            cluster=each.cluster,
            state=TryState(each.state),
            called=seconds_of(each.called),
            launched=seconds_of(each.launched),
            start=seconds_of(each.started),
            seconds=each.ran_seconds,
            ended=seconds_of(each.ended),
            cpu=each.cpu_seconds,
            memory=each.memory_bytes,
            host=each.host,
            block=each.block,
            worker=each.worker,
            pid=each.pid,
            error=each.error,
            text=each.text,
        )
        for each in tasks
    ]


def number_of(client: Client, run: str | None) -> int:
    """Return the number of a run that is named by number or tag; of the newest when none is.

    Raises:
        RunNotFound: the name is none, or there is no run yet.

    """
    from towline.errors import RunNotFound

    if run is None:
        newest = client.runs.find(limit=1)
        if not newest:
            raise RunNotFound("run", f"there is none on {client.url} yet", "towline workflow run")
        return newest[0].number
    digits = run.removeprefix("r").partition("-")[0]
    if not digits.isdecimal() or not digits.isascii():
        raise RunNotFound(f"run {run}", "there is no such run", "towline run list")
    return int(digits)
